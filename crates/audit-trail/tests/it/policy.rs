//! Trust policies: read strictly, counted honestly.

use std::fmt::Write as _;

use audit_trail::note;
use audit_trail::tree::empty_root;
use audit_trail::{
    Checkpoint, CosignerKey, EvidenceError, Level, NoteError, SigningKey, TlogPolicy,
    verify_checkpoint,
};
use proptest::prelude::*;
use time::macros::datetime;

fn witness(n: u8) -> CosignerKey {
    CosignerKey::from_seed(&format!("witness.example/{n}"), &[n; 32]).unwrap()
}

fn log_key() -> SigningKey {
    SigningKey::from_seed("log.example", &[200; 32]).unwrap()
}

fn checkpoint() -> Checkpoint {
    let text = format!("log.example\n0\n{}\n", empty_root());
    let signed = note::sign(&text, &[&log_key()]).unwrap();
    Checkpoint::open(&signed, log_key().verifier_key()).unwrap()
}

fn cosigned(by: &[u8]) -> Checkpoint {
    by.iter().fold(checkpoint(), |checkpoint, n| {
        let at = datetime!(2026-11-22 12:00 UTC);
        witness(*n).cosign(&checkpoint, at).unwrap()
    })
}

/// `{L}` is the log's key, `{1}` that of witness 1, and so on.
fn filled(text: &str) -> String {
    let mut text = text.replace("{L}", &log_key().verifier_key().to_string());
    for n in 1..=9 {
        let key = witness(n).verifier_key().to_string();
        text = text.replace(&format!("{{{n}}}"), &key);
    }
    text
}

fn policy(text: &str) -> TlogPolicy {
    filled(text).parse().unwrap()
}

/// The shape of the specification's example.
const EXAMPLE: &str = "\
log {L}

witness X1 {1}
witness X2 {2} https://witness.example/x2
witness X3 {3}
group X-witnesses 2 X1 X2 X3

  # the others\t
\twitness Y1  {4}
witness Y2 {5}
witness Y3 {6}
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
";

#[test]
fn the_example_of_the_specification_asks_for_two_here_and_one_there() {
    let policy = policy(EXAMPLE);
    let satisfied = |by: &[u8]| policy.evaluate(&cosigned(by)).unwrap().satisfied;
    for by in [&[1, 2, 4][..], &[2, 3, 6], &[6, 3, 1], &[1, 2, 3, 4, 5, 6]] {
        assert!(satisfied(by), "{by:?}");
    }
    for by in [
        &[][..],
        &[1, 2, 3],
        &[4, 5, 6],
        &[1, 4, 5, 6],
        &[1, 2, 7, 8],
    ] {
        assert!(!satisfied(by), "{by:?}");
    }
    let quorum = policy.evaluate(&cosigned(&[6, 1, 9])).unwrap();
    assert_eq!(quorum.signed, ["X1", "Y3"]);
    assert_eq!(quorum.witnesses().to_string(), "2/6");
    let urls: Vec<_> = policy
        .witnesses()
        .filter_map(|w| w.url.as_deref())
        .collect();
    assert_eq!(urls, ["https://witness.example/x2"]);
    assert_eq!(policy.logs().count(), 1);
}

#[test]
fn what_a_policy_may_not_say_is_refused_with_its_line() {
    let said = |text: &str| filled(text).parse::<TlogPolicy>().unwrap_err().to_string();
    let cases = [
        "",
        "\n\n",
        "witness w {1}\n",
        "witness w {1}\nquorum w",
        "quorum none\nquorum none\n",
        "quorum w\nwitness w {1}\n",
        "quorum W\n",
        "witness none {1}\nquorum none\n",
        "witness w {1}\ngroup none any w\nquorum none\n",
        "witness w {1}\nwitness w {2}\nquorum w\n",
        "witness w {1}\ngroup w any w\nquorum w\n",
        "witness w {1}\nwitness v {1}\nquorum w\n",
        "log {L}\nlog {L}\nquorum none\n",
        "log {1}\nquorum none\n",
        "witness w {L}\nquorum w\n",
        "log\nquorum none\n",
        "log {L} https://log.example more\nquorum none\n",
        "witness w {1} https://w.example more\nquorum w\n",
        "quorum none none\n",
        "witness w {1}\ngroup g any\nquorum g\n",
        "witness w {1}\ngroup g 0 w\nquorum g\n",
        "witness w {1}\ngroup g 2 w\nquorum g\n",
        "witness w {1}\ngroup g 01 w\nquorum g\n",
        "witness w {1}\ngroup g +1 w\nquorum g\n",
        "witness w {1}\ngroup g -1 w\nquorum g\n",
        "witness w {1}\ngroup g most w\nquorum g\n",
        "witness w {1}\ngroup g 99999999999999999999 w\nquorum g\n",
        "witness w {1}\ngroup g any w w\nquorum g\n",
        "witness w {1}\ngroup g any w\ngroup h any w\nquorum g\n",
        "witness w {1}\ngroup g any g\nquorum g\n",
        "witness w {1}\ngroup g any w none\nquorum g\n",
        "witness w {1}\r\nquorum w\n",
        "quorum none\x0b\n",
        "quorum none\x7f\n",
        "quorum none # nothing\n",
        "Quorum none\n",
        "\u{a0}quorum none\n",
    ];
    let found: Vec<_> = cases.iter().map(|text| said(text)).collect();
    insta::assert_snapshot!(found.join("\n"), @r"
    line 1 of the policy: there is no `quorum` line
    line 2 of the policy: there is no `quorum` line
    line 1 of the policy: there is no `quorum` line
    line 2 of the policy: it does not end in a newline
    line 2 of the policy: there is a `quorum` line already
    line 1 of the policy: `w` is not defined on a line before
    line 1 of the policy: `W` is not defined on a line before
    line 1 of the policy: `none` cannot be defined
    line 2 of the policy: `none` cannot be defined
    line 2 of the policy: `w` is defined already
    line 2 of the policy: `w` is defined already
    line 2 of the policy: another witness has the same public key
    line 2 of the policy: another log has the same public key
    line 1 of the policy: not a key of a signed note: its type is not Ed25519 (0x01)
    line 1 of the policy: not a key of a signed note: its type is not an Ed25519 cosignature (0x04)
    line 1 of the policy: `log` is followed by too few or too many items
    line 1 of the policy: `log` is followed by too few or too many items
    line 1 of the policy: `witness` is followed by too few or too many items
    line 1 of the policy: `quorum` is followed by too few or too many items
    line 2 of the policy: the group `g` has no members
    line 2 of the policy: the threshold `0` is none of `all`, `any` and 1 to 1
    line 2 of the policy: the threshold `2` is none of `all`, `any` and 1 to 1
    line 2 of the policy: the threshold `01` is none of `all`, `any` and 1 to 1
    line 2 of the policy: the threshold `+1` is none of `all`, `any` and 1 to 1
    line 2 of the policy: the threshold `-1` is none of `all`, `any` and 1 to 1
    line 2 of the policy: the threshold `most` is none of `all`, `any` and 1 to 1
    line 2 of the policy: the threshold `99999999999999999999` is none of `all`, `any` and 1 to 1
    line 2 of the policy: `w` is a member already
    line 3 of the policy: `w` is a member already
    line 2 of the policy: `g` is not defined on a line before
    line 2 of the policy: `none` is not defined on a line before
    line 1 of the policy: it holds the control character 0x0d
    line 1 of the policy: it holds the control character 0x0b
    line 1 of the policy: it holds the control character 0x7f
    line 1 of the policy: `quorum` is followed by too few or too many items
    line 1 of the policy: `Quorum` is none of `log`, `witness`, `group` and `quorum`
    line 1 of the policy: ` quorum` is none of `log`, `witness`, `group` and `quorum`
    ");
}

#[test]
fn names_and_comments_are_octets() {
    let mut text = b"# caf\xe9 \xff\n".to_vec();
    text.extend(filled("witness ").bytes());
    text.extend(b"\xe2\x84\xaa ");
    text.extend(filled("{1}\nwitness K {2}\nwitness ").bytes());
    text.extend(b"\xff ");
    text.extend(filled("{3}\ngroup g all K ").bytes());
    text.extend(b"\xff\nquorum g\n");
    let policy = TlogPolicy::from_bytes(&text).unwrap();
    assert!(policy.evaluate(&cosigned(&[2, 3])).unwrap().satisfied);
    // A Kelvin sign is no K.
    assert!(!policy.evaluate(&cosigned(&[1, 3])).unwrap().satisfied);
}

#[test]
fn quorum_none_is_always_satisfied_and_never_witnessed() {
    let policy = policy("witness w {1}\nquorum none\n");
    for (by, signed) in [(&[][..], 0), (&[1], 1)] {
        let checkpoint = cosigned(by);
        let quorum = policy.evaluate(&checkpoint).unwrap();
        assert!(quorum.satisfied && !quorum.required);
        let key = log_key().verifier_key().clone();
        let established = verify_checkpoint(checkpoint.as_str(), &key, Some(&policy)).unwrap();
        assert_eq!(established.level, Level::Signed);
        assert_eq!(established.witnesses.unwrap().signed, signed);
    }
}

#[test]
fn a_checkpoint_that_no_quorum_has_cosigned_is_refused() {
    let policy = policy("log {L}\nwitness a {1}\nwitness b {2}\ngroup g all a b\nquorum g\n");
    let key = log_key().verifier_key().clone();
    let ask = |by: &[u8]| verify_checkpoint(cosigned(by).as_str(), &key, Some(&policy));
    assert!(
        matches!(ask(&[2]), Err(EvidenceError::NotWitnessed(w)) if (w.signed, w.known) == (1, 2))
    );
    let established = ask(&[2, 1]).unwrap();
    assert_eq!(established.level, Level::Witnessed);
}

#[test]
fn one_signature_many_times_is_one_witness() {
    let policy = policy("witness a {1}\nwitness b {2}\ngroup g 2 a b\nquorum g\n");
    let once = cosigned(&[1]);
    let line = once.as_str().strip_prefix(checkpoint().as_str()).unwrap();
    let key = log_key().verifier_key().clone();
    let often = Checkpoint::open(&format!("{once}{}", line.repeat(20)), &key).unwrap();
    let quorum = policy.evaluate(&often).unwrap();
    assert_eq!((quorum.satisfied, quorum.signed.len()), (false, 1));
    // Under the name of another witness it is a signature of nobody.
    let renamed = line.replace("witness.example/1", "witness.example/2");
    let posing = Checkpoint::open(&format!("{once}{renamed}"), &key).unwrap();
    assert!(!policy.evaluate(&posing).unwrap().satisfied);
}

#[test]
fn a_bad_signature_of_a_known_witness_refuses_the_note_and_one_of_a_stranger_does_not() {
    let policy = policy("witness a {1}\nquorum a\n");
    let key = log_key().verifier_key().clone();
    let of = |n: u8| {
        let signed = cosigned(&[n]);
        let line = signed.as_str().strip_prefix(checkpoint().as_str()).unwrap();
        // The last character that carries six bits of the signature.
        let (start, rest) = line.split_at(line.len() - 6);
        let other = if rest.starts_with('A') { "B" } else { "A" };
        format!("{start}{other}{}", &rest[1..])
    };
    let spoilt = Checkpoint::open(&format!("{}{}", cosigned(&[1]), of(1)), &key).unwrap();
    assert_eq!(
        policy.evaluate(&spoilt),
        Err(NoteError::Signature("witness.example/1".into()))
    );
    let strange = Checkpoint::open(&format!("{}{}", cosigned(&[1]), of(2)), &key).unwrap();
    assert!(policy.evaluate(&strange).unwrap().satisfied);
}

#[test]
fn the_logs_of_a_policy_are_the_only_ones_it_believes() {
    let other = SigningKey::from_seed("other.example", &[201; 32]).unwrap();
    let text = format!("log {}\nquorum none\n", other.verifier_key());
    let elsewhere: TlogPolicy = text.parse().unwrap();
    assert_eq!(elsewhere.evaluate(&checkpoint()), Err(NoteError::Unsigned));
    assert!(elsewhere.open(checkpoint().as_str()).is_err());
    // Signed by a believed key, but in the name of another log.
    let text = format!("other.example\n0\n{}\n", empty_root());
    let posing = note::sign(&text, &[&log_key()]).unwrap();
    assert!(policy("log {L}\nquorum none\n").open(&posing).is_err());
    let both = policy(&format!(
        "log {}\nlog {{L}}\nquorum none\n",
        other.verifier_key()
    ));
    assert_eq!(both.open(checkpoint().as_str()).unwrap(), checkpoint());
    // Any key of a log does.
    let second = SigningKey::from_seed("log.example", &[202; 32]).unwrap();
    let rotated = policy(&format!(
        "log {}\nlog {{L}}\nquorum none\n",
        second.verifier_key()
    ));
    assert_eq!(rotated.open(checkpoint().as_str()).unwrap(), checkpoint());
}

#[test]
fn policies_of_many_witnesses_and_groups_are_read() {
    let mut text = String::new();
    for n in 1..=64_u8 {
        let key = witness(n).verifier_key().to_string();
        writeln!(text, "witness w{n} {key}").unwrap();
        match n {
            1 => writeln!(text, "group g1 any w1").unwrap(),
            n => writeln!(text, "group g{n} all g{} w{n}", n - 1).unwrap(),
        }
    }
    text.push_str("quorum g64\n");
    let policy: TlogPolicy = text.parse().unwrap();
    let all: Vec<u8> = (1..=64).collect();
    assert!(policy.evaluate(&cosigned(&all)).unwrap().satisfied);
    assert!(!policy.evaluate(&cosigned(&all[1..])).unwrap().satisfied);
    let long = format!("{}quorum none\n", "#\n".repeat(200_000));
    assert!(long.parse::<TlogPolicy>().is_err());
}

/// A policy over witnesses 1 to 9: groups of what is not yet in one, the last thing defined being the quorum.
fn policies() -> impl Strategy<Value = String> {
    prop::collection::vec((1_usize..5, any::<prop::sample::Index>()), 1..8).prop_map(|groups| {
        let mut text = String::new();
        let mut free: Vec<String> = Vec::new();
        for n in 1..=9 {
            writeln!(text, "witness w{n} {{{n}}}").unwrap();
            free.push(format!("w{n}"));
        }
        for (at, (size, k)) in groups.iter().enumerate() {
            let members: Vec<_> = free.drain(..(*size).min(free.len())).collect();
            let k = k.index(members.len()) + 1;
            writeln!(text, "group g{at} {k} {}", members.join(" ")).unwrap();
            free.push(format!("g{at}"));
        }
        writeln!(text, "quorum g{}", groups.len() - 1).unwrap();
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn more_signatures_never_undo_a_quorum(text in policies(), by in prop::collection::vec(1_u8..=9, 0..9), more in prop::collection::vec(1_u8..=12, 0..4)) {
        let policy = policy(&text);
        let few = policy.evaluate(&cosigned(&by)).unwrap();
        let many = policy.evaluate(&cosigned(&[by, more].concat())).unwrap();
        prop_assert!(!few.satisfied || many.satisfied);
        prop_assert!(few.signed.iter().all(|name| many.signed.contains(name)));
        prop_assert!(few.signed.len() as u64 <= few.known);
        prop_assert!(!policy.evaluate(&checkpoint()).unwrap().satisfied);
        prop_assert!(policy.evaluate(&cosigned(&[1, 2, 3, 4, 5, 6, 7, 8, 9])).unwrap().satisfied);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_bytes_are_a_policy_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = TlogPolicy::from_bytes(&bytes) {
            prop_assert!(error.line >= 1 && !error.problem.chars().any(char::is_control));
        }
    }

    #[test]
    fn any_lines_are_a_policy_or_refused(lines in prop::collection::vec("(log|witness|group|quorum|#)?( [a-z]{0,4}| any| all| none| [0-9]){0,4}", 0..8)) {
        drop((lines.join("\n") + "\n").parse::<TlogPolicy>());
    }

    #[test]
    fn a_damaged_policy_is_read_or_refused(at in any::<prop::sample::Index>(), with in prop::collection::vec(any::<u8>(), 0..4), cut in 0_usize..40) {
        let mut bytes = filled(EXAMPLE).into_bytes();
        let at = at.index(bytes.len());
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, with);
        if let Ok(policy) = TlogPolicy::from_bytes(&bytes) {
            prop_assert!(policy.witnesses().count() <= 6);
        }
    }
}
