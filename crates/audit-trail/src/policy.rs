//! Trust policies (C2SP tlog-policy): which logs are believed, which witnesses are known, and which of them together are enough.

use std::collections::HashMap;
use std::str::FromStr;

use thiserror::Error;

use crate::checkpoint::{Checkpoint, parse_body};
use crate::cosignature::CosignerVerifierKey;
use crate::error::shortened;
use crate::note::{Note, NoteError, VerifierKey};
use crate::verdict::{Level, Witnesses};

/// The longest policy that is read, in bytes; hundreds of witnesses fit.
const MAX_POLICY: usize = 256 * 1024;

/// A policy as its file says: logs, witnesses, groups and the quorum.
///
/// ```
/// use audit_trail::{AuditLog, CosignerKey, TlogPolicy};
/// use time::macros::datetime;
///
/// let log = AuditLog::builder().build()?;
/// let (one, two) = (CosignerKey::generate("w.example/1")?, CosignerKey::generate("w.example/2")?);
/// let policy: TlogPolicy = format!(
///     "log {}\nwitness one {}\nwitness two {}\ngroup either any one two\nquorum either\n",
///     log.verifier_key().unwrap(), one.verifier_key(), two.verifier_key(),
/// ).parse()?;
///
/// let checkpoint = log.checkpoint()?;
/// assert!(!policy.evaluate(&checkpoint)?.satisfied);
/// let cosigned = two.cosign(&checkpoint, datetime!(2026-11-22 12:00 UTC))?;
/// assert!(policy.evaluate(&cosigned)?.satisfied);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct TlogPolicy {
    logs: Vec<VerifierKey>,
    witnesses: Vec<PolicyWitness>,
    /// Witnesses and groups in the order of their definition: members stand before their group.
    nodes: Vec<Node>,
    rule: Rule,
}

/// What the `quorum` line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// `quorum none`.
    NoWitness,
    /// The node that must have witnessed.
    Node(usize),
}

/// A witness as a policy names it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PolicyWitness {
    /// Its name within the policy, which means nothing outside it.
    pub name: String,
    /// The key of its cosignatures.
    pub key: CosignerVerifierKey,
    /// Where checkpoints are submitted to it, if the policy says.
    pub url: Option<String>,
}

#[derive(Debug, Clone)]
enum Node {
    /// Index into the witnesses.
    Witness(usize),
    Group {
        threshold: usize,
        members: Vec<usize>,
    },
}

/// Who among a policy's witnesses has cosigned a checkpoint, and whether that is enough.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "what was not witnessed by a quorum shows in `satisfied` alone"]
pub struct Quorum {
    /// Whether they are enough for the policy. `quorum none` is always satisfied.
    pub satisfied: bool,
    /// Whether the policy asks for any witness; `false` is `quorum none`.
    pub required: bool,
    /// The policy's names of the witnesses that have cosigned, in the order of the policy.
    pub signed: Vec<String>,
    /// Number of witnesses in the policy.
    pub known: u64,
}

impl Quorum {
    /// The level that a checkpoint of `level` has with these witnesses.
    pub(crate) fn raise(&self, level: Level) -> Level {
        if self.required && self.satisfied {
            Level::Witnessed
        } else {
            level
        }
    }

    /// How many have cosigned, of how many.
    #[must_use]
    pub fn witnesses(&self) -> Witnesses {
        Witnesses {
            signed: self.signed.len() as u64,
            known: self.known,
        }
    }
}

/// Why a text is not a policy, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line} of the policy: {problem}")]
#[non_exhaustive]
pub struct PolicyError {
    /// Number of the line, from 1; where something is missing, of the last one.
    pub line: usize,
    /// What is wrong there.
    pub problem: String,
}

impl TlogPolicy {
    /// Reads a policy from a file's bytes, which need not be UTF-8 outside keys.
    ///
    /// # Errors
    /// [`PolicyError`] naming the line. Keys must be Ed25519: type 0x01 for logs, 0x04 for witnesses.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PolicyError> {
        let error = |line, problem: &str| PolicyError {
            line,
            problem: problem.to_owned(),
        };
        if bytes.len() > MAX_POLICY {
            return Err(error(1, "the policy is longer than 256 KiB"));
        }
        let mut reader = Reader::default();
        let mut number = 0_usize;
        for line in bytes.split_inclusive(|b| *b == b'\n') {
            number = number.saturating_add(1);
            // A file that was cut within a line could say something else than it did.
            let line = line
                .strip_suffix(b"\n")
                .ok_or_else(|| error(number, "it does not end in a newline"))?;
            reader.line(line).map_err(|problem| PolicyError {
                line: number,
                problem,
            })?;
        }
        let rule = reader
            .rule
            .ok_or_else(|| error(number.max(1), "there is no `quorum` line"))?;
        Ok(Self {
            logs: reader.logs,
            witnesses: reader.witnesses,
            nodes: reader.nodes,
            rule,
        })
    }

    /// The keys of the logs that are believed; none if the log is to be known from elsewhere.
    pub fn logs(&self) -> impl Iterator<Item = &VerifierKey> {
        self.logs.iter()
    }

    /// The witnesses, in the order of the policy.
    pub fn witnesses(&self) -> impl Iterator<Item = &PolicyWitness> {
        self.witnesses.iter()
    }

    /// Opens a checkpoint that one of the policy's logs has signed. Whether it was witnessed, [`evaluate`](Self::evaluate) says.
    ///
    /// # Errors
    /// [`NoteError`] if the note is malformed, is no checkpoint, or is not signed by a log of the policy.
    pub fn open(&self, note: &str) -> Result<Checkpoint, NoteError> {
        let parsed = Note::parse(note)?;
        let (origin, ..) = parse_body(parsed.text())?;
        let logs: Vec<_> = self
            .logs
            .iter()
            .filter(|log| log.name() == origin)
            .collect();
        let signers = parsed.verify(&logs)?;
        Checkpoint::open(note, signers.first().ok_or(NoteError::Unsigned)?)
    }

    /// Counts the witnesses that have cosigned a checkpoint and asks the quorum.
    ///
    /// Each key counts once, whatever the number of its signatures; signatures of others count nothing.
    ///
    /// # Errors
    /// [`NoteError::Signature`] if a signature that names a known key is not valid; [`NoteError::Unsigned`] if the policy
    /// names logs and none of them has signed the checkpoint.
    pub fn evaluate(&self, checkpoint: &Checkpoint) -> Result<Quorum, NoteError> {
        if !self.logs.is_empty() {
            self.open(checkpoint.as_str())?;
        }
        let keys: Vec<_> = self.witnesses.iter().map(|witness| &witness.key).collect();
        let found = checkpoint.cosignatures(&keys)?;
        let signed: Vec<bool> = keys
            .iter()
            .map(|key| {
                found
                    .iter()
                    .any(|c| c.id == key.id() && c.name == key.name())
            })
            .collect();
        let names = self.witnesses.iter().zip(&signed);
        Ok(Quorum {
            satisfied: self.is_satisfied(&signed),
            required: self.rule != Rule::NoWitness,
            signed: names
                .filter(|(_, signed)| **signed)
                .map(|(witness, _)| witness.name.clone())
                .collect(),
            known: self.witnesses.len() as u64,
        })
    }

    /// Whether the witnesses that have a URL may make up a quorum.
    #[cfg(feature = "witness")]
    pub(crate) fn may_be_met(&self) -> bool {
        let reachable: Vec<bool> = self
            .witnesses
            .iter()
            .map(|witness| witness.url.is_some())
            .collect();
        self.is_satisfied(&reachable)
    }

    /// Whether the witnesses marked in `signed` are enough.
    fn is_satisfied(&self, signed: &[bool]) -> bool {
        let Rule::Node(quorum) = self.rule else {
            return true;
        };
        let mut reached: Vec<bool> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            reached.push(match node {
                Node::Witness(at) => signed.get(*at).copied().unwrap_or(false),
                Node::Group { threshold, members } => {
                    let count = members
                        .iter()
                        .filter(|member| reached.get(**member).copied().unwrap_or(false))
                        .count();
                    count >= *threshold
                }
            });
        }
        reached.get(quorum).copied().unwrap_or(false)
    }
}

impl FromStr for TlogPolicy {
    type Err = PolicyError;

    /// As [`from_bytes`](Self::from_bytes).
    ///
    /// # Errors
    /// [`PolicyError`] naming the line.
    fn from_str(text: &str) -> Result<Self, PolicyError> {
        Self::from_bytes(text.as_bytes())
    }
}

/// What the lines so far have defined.
#[derive(Default)]
struct Reader {
    logs: Vec<VerifierKey>,
    witnesses: Vec<PolicyWitness>,
    nodes: Vec<Node>,
    /// Where a name was defined, and whether it is already in a group. Names are octets, not text.
    names: HashMap<Vec<u8>, (usize, bool)>,
    rule: Option<Rule>,
}

impl Reader {
    fn line(&mut self, line: &[u8]) -> Result<(), String> {
        if let Some(byte) = line.iter().find(|b| matches!(b, 0..=8 | 10..=31 | 127)) {
            return Err(format!("it holds the control character 0x{byte:02x}"));
        }
        let items: Vec<&[u8]> = line
            .split(|b| matches!(b, b' ' | b'\t'))
            .filter(|item| !item.is_empty())
            .collect();
        match items.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with(b"#") => Ok(()),
            [b"log", key] | [b"log", key, _] => self.log(key),
            [b"witness", name, key] => self.witness(name, key, None),
            [b"witness", name, key, url] => self.witness(name, key, Some(url)),
            [b"group", name, threshold, members @ ..] => self.group(name, threshold, members),
            [b"quorum", name] => self.quorum(name),
            [keyword @ (b"log" | b"witness" | b"group" | b"quorum"), ..] => Err(format!(
                "`{}` is followed by too few or too many items",
                text(keyword)
            )),
            [keyword, ..] => Err(format!(
                "`{}` is none of `log`, `witness`, `group` and `quorum`",
                text(keyword)
            )),
        }
    }

    fn log(&mut self, key: &[u8]) -> Result<(), String> {
        let key: VerifierKey = read_key(key)?;
        if self.logs.iter().any(|log| log.public() == key.public()) {
            return Err("another log has the same public key".to_owned());
        }
        self.logs.push(key);
        Ok(())
    }

    fn witness(&mut self, name: &[u8], key: &[u8], url: Option<&[u8]>) -> Result<(), String> {
        let key: CosignerVerifierKey = read_key(key)?;
        if self
            .witnesses
            .iter()
            .any(|w| w.key.public() == key.public())
        {
            return Err("another witness has the same public key".to_owned());
        }
        let url = url
            .map(|url| String::from_utf8(url.to_vec()))
            .transpose()
            .map_err(|_| "the URL is not UTF-8".to_owned())?;
        self.define(name, Node::Witness(self.witnesses.len()))?;
        self.witnesses.push(PolicyWitness {
            name: String::from_utf8_lossy(name).into_owned(),
            key,
            url,
        });
        Ok(())
    }

    fn group(&mut self, name: &[u8], threshold: &[u8], members: &[&[u8]]) -> Result<(), String> {
        let n = members.len();
        if n == 0 {
            return Err(format!("the group `{}` has no members", text(name)));
        }
        let threshold = match threshold {
            b"all" => n,
            b"any" => 1,
            number => std::str::from_utf8(number)
                .ok()
                .filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))
                .filter(|digits| !digits.starts_with('0'))
                .and_then(|digits| digits.parse().ok())
                .filter(|k| (1..=n).contains(k))
                .ok_or_else(|| {
                    format!(
                        "the threshold `{}` is none of `all`, `any` and 1 to {n}",
                        text(number)
                    )
                })?,
        };
        let mut places = Vec::with_capacity(n);
        for member in members {
            let (place, grouped) = self
                .names
                .get_mut(*member)
                .ok_or_else(|| undefined(member))?;
            if std::mem::replace(grouped, true) {
                return Err(format!("`{}` is a member already", text(member)));
            }
            places.push(*place);
        }
        self.define(
            name,
            Node::Group {
                threshold,
                members: places,
            },
        )
    }

    fn quorum(&mut self, name: &[u8]) -> Result<(), String> {
        if self.rule.is_some() {
            return Err("there is a `quorum` line already".to_owned());
        }
        self.rule = Some(match name {
            b"none" => Rule::NoWitness,
            name => Rule::Node(self.names.get(name).ok_or_else(|| undefined(name))?.0),
        });
        Ok(())
    }

    fn define(&mut self, name: &[u8], node: Node) -> Result<(), String> {
        if name == b"none" {
            return Err("`none` cannot be defined".to_owned());
        }
        let place = (self.nodes.len(), false);
        if self.names.contains_key(name) {
            return Err(format!("`{}` is defined already", text(name)));
        }
        self.names.insert(name.to_vec(), place);
        self.nodes.push(node);
        Ok(())
    }
}

fn read_key<K: FromStr<Err = NoteError>>(key: &[u8]) -> Result<K, String> {
    let key = std::str::from_utf8(key).map_err(|_| "the key is not UTF-8".to_owned())?;
    key.parse().map_err(|error: NoteError| error.to_string())
}

fn undefined(name: &[u8]) -> String {
    format!("`{}` is not defined on a line before", text(name))
}

fn text(octets: &[u8]) -> String {
    shortened(&String::from_utf8_lossy(octets))
}
