//! Writing an entry: straight from its fields to compact JSON with sorted keys, each text checked as it is copied. The bytes written here are the leaf.

use std::borrow::Cow;

use uuid::Uuid;

use crate::fields::{
    Action, Approval, BudgetFields, Charge, ConsentFields, DecisionFields, Fields, Policy,
    TrustFields,
};
use crate::quantity::{MAX_INTEGER, Quantity, is_decimal};
use crate::{EntryError, MAX_ENTRY, MAX_TEXT};

macro_rules! key {
    ($name:literal) => {
        Key {
            name: $name,
            json: concat!(",\"", $name, "\":"),
            path: concat!($name, "."),
        }
    };
}

/// Appends the entry to `out`. On an error `out` holds a part of it.
pub(crate) fn emit(
    fields: &Fields<'_>,
    id: Uuid,
    namespace: &str,
    ts: i64,
    out: &mut String,
) -> Result<(), EntryError> {
    if id.get_version_num() != 7 || id.get_variant() != uuid::Variant::RFC4122 {
        return Err(EntryError::Id { id: id.to_string() });
    }
    if !(-MAX_INTEGER..=MAX_INTEGER).contains(&ts) {
        return Err(EntryError::Time);
    }
    let start = out.len();
    let mut o = Object::open(out, "");
    o.texts(key!("_sd"), &fields.sd, Object::checked)?;
    if let Some(action) = &fields.action {
        o.object(key!("action"), |o| write_action(o, action))?;
    }
    o.maybe(key!("agent"), fields.agent.as_deref())?;
    if let Some(approval) = &fields.approval {
        o.object(key!("approval"), |o| write_approval(o, approval))?;
    }
    if let Some(budget) = &fields.budget {
        o.object(key!("budget"), |o| write_budget(o, budget))?;
    }
    if let Some(consent) = &fields.consent {
        o.object(key!("consent"), |o| write_consent(o, consent))?;
    }
    if let Some(decision) = &fields.decision {
        o.object(key!("decision"), |o| write_decision(o, decision))?;
    }
    o.maybe(key!("event"), fields.event.as_deref())?;
    if let Some(ext) = &fields.ext {
        o.raw(key!("ext"), ext.as_str());
    }
    let mut buffer = Uuid::encode_buffer();
    o.plain(key!("id"), id.hyphenated().encode_lower(&mut buffer));
    o.plain(key!("kind"), fields.kind.as_str());
    o.text(key!("namespace"), namespace)?;
    o.maybe(key!("operator"), fields.operator.as_deref())?;
    if let Some(policy) = &fields.policy {
        o.object(key!("policy"), |o| write_policy(o, policy))?;
    }
    if let Some(reason) = &fields.reason {
        o.free_text(key!("reason"), reason)?;
    }
    o.maybe(key!("resource"), fields.resource.as_deref())?;
    o.maybe(key!("scope"), fields.scope.as_deref())?;
    o.maybe(key!("session"), fields.session.as_deref())?;
    if let Some(trust) = &fields.trust {
        o.object(key!("trust"), |o| write_trust(o, trust))?;
    }
    o.raw(key!("ts"), itoa::Buffer::new().format(ts));
    o.close();
    let len = out.len().saturating_sub(start);
    if len > MAX_ENTRY {
        Err(EntryError::TooLarge { len })
    } else {
        Ok(())
    }
}

fn write_action(o: &mut Object<'_>, action: &Action<'_>) -> Result<(), EntryError> {
    o.maybe(key!("args_digest"), action.args_digest.as_deref())?;
    o.text(key!("name"), &action.name)?;
    o.maybe(key!("type"), action.action_type.as_deref())
}

fn write_approval(o: &mut Object<'_>, approval: &Approval<'_>) -> Result<(), EntryError> {
    o.texts(key!("approvers"), &approval.approvers, Object::checked)?;
    o.maybe(key!("code"), approval.code.as_deref())?;
    o.maybe(key!("id"), approval.id.as_deref())?;
    o.number(key!("needed"), approval.needed)
}

fn write_budget(o: &mut Object<'_>, budget: &BudgetFields<'_>) -> Result<(), EntryError> {
    if !budget.charges.is_empty() {
        o.key(key!("charges"));
        let mut separator = '[';
        for charge in &*budget.charges {
            o.out.push(separator);
            separator = ',';
            let mut inner = Object::open(o.out, "budget.charges.");
            write_charge(&mut inner, charge)?;
            inner.close();
        }
        o.out.push(']');
    }
    o.maybe(key!("code"), budget.code.as_deref())?;
    o.maybe(key!("hold"), budget.hold.as_deref())?;
    o.number(key!("revision"), budget.revision)
}

fn write_charge(o: &mut Object<'_>, charge: &Charge<'_>) -> Result<(), EntryError> {
    o.quantity(key!("amount"), Some(&charge.amount))?;
    o.quantity(key!("available"), charge.available.as_ref())?;
    o.text(key!("budget"), &charge.budget)?;
    o.quantity(key!("limit"), charge.limit.as_ref())?;
    o.text(key!("unit"), &charge.unit)
}

fn write_consent(o: &mut Object<'_>, consent: &ConsentFields<'_>) -> Result<(), EntryError> {
    o.maybe(key!("code"), consent.code.as_deref())?;
    o.texts(key!("data_types"), &consent.data_types, Object::checked)?;
    o.maybe(key!("grant"), consent.grant.as_deref())?;
    o.maybe(key!("purpose"), consent.purpose.as_deref())?;
    o.number(key!("revision"), consent.revision)
}

fn write_decision(o: &mut Object<'_>, decision: &DecisionFields<'_>) -> Result<(), EntryError> {
    if let Some(enforced) = decision.enforced {
        o.raw(key!("enforced"), if enforced { "true" } else { "false" });
    }
    o.plain(key!("outcome"), decision.outcome.as_str());
    o.text(key!("reason_code"), &decision.reason_code)?;
    o.texts(key!("reasons"), &decision.reasons, Object::bounded)?;
    o.maybe(key!("stage"), decision.stage.as_deref())
}

fn write_policy(o: &mut Object<'_>, policy: &Policy<'_>) -> Result<(), EntryError> {
    o.text(key!("digest"), &policy.digest)?;
    o.maybe(key!("version"), policy.version.as_deref())
}

fn write_trust(o: &mut Object<'_>, trust: &TrustFields<'_>) -> Result<(), EntryError> {
    o.maybe(key!("assignment"), trust.assignment.as_deref())?;
    o.maybe(key!("code"), trust.code.as_deref())?;
    o.number(key!("effective"), trust.effective.map(u64::from))?;
    o.number(key!("required"), trust.required.map(u64::from))?;
    o.number(key!("revision"), trust.revision)
}

/// The name of a field, and what is made of it when the program is compiled.
#[derive(Clone, Copy)]
struct Key {
    name: &'static str,
    /// How it stands in an object: `,"name":`.
    json: &'static str,
    /// How it leads the names of the fields inside: `name.`.
    path: &'static str,
}

/// A JSON object being written. `path` leads every field named in an error.
struct Object<'o> {
    out: &'o mut String,
    path: &'static str,
    empty: bool,
}

impl<'o> Object<'o> {
    fn open(out: &'o mut String, path: &'static str) -> Self {
        out.push('{');
        Self {
            out,
            path,
            empty: true,
        }
    }

    fn close(self) {
        self.out.push('}');
    }

    #[inline]
    fn key(&mut self, key: Key) {
        let json = if self.empty {
            key.json.strip_prefix(',').unwrap_or_default()
        } else {
            key.json
        };
        self.empty = false;
        self.out.push_str(json);
    }

    /// A value that is JSON already.
    #[inline]
    fn raw(&mut self, key: Key, json: &str) {
        self.key(key);
        self.out.push_str(json);
    }

    /// A text that is known to need neither check nor escape.
    #[inline]
    fn plain(&mut self, key: Key, text: &str) {
        self.key(key);
        self.out.push('"');
        self.out.push_str(text);
        self.out.push('"');
    }

    /// A text that must not be empty.
    #[inline]
    fn text(&mut self, key: Key, text: &str) -> Result<(), EntryError> {
        self.key(key);
        self.checked(key, text)
    }

    #[inline]
    fn maybe(&mut self, key: Key, text: Option<&str>) -> Result<(), EntryError> {
        match text {
            Some(text) => self.text(key, text),
            None => Ok(()),
        }
    }

    /// A text for people, which may be empty.
    fn free_text(&mut self, key: Key, text: &str) -> Result<(), EntryError> {
        self.key(key);
        self.bounded(key, text)
    }

    fn texts(
        &mut self,
        key: Key,
        texts: &[Cow<'_, str>],
        write: fn(&mut Self, Key, &str) -> Result<(), EntryError>,
    ) -> Result<(), EntryError> {
        let Some((first, rest)) = texts.split_first() else {
            return Ok(());
        };
        self.key(key);
        self.out.push('[');
        write(self, key, first)?;
        for text in rest {
            self.out.push(',');
            write(self, key, text)?;
        }
        self.out.push(']');
        Ok(())
    }

    #[inline]
    fn number(&mut self, key: Key, number: Option<u64>) -> Result<(), EntryError> {
        let Some(number) = number else { return Ok(()) };
        if i64::try_from(number).is_ok_and(|n| n <= MAX_INTEGER) {
            self.raw(key, itoa::Buffer::new().format(number));
            return Ok(());
        }
        Err(EntryError::Quantity {
            field: self.field(key),
            value: number.to_string(),
        })
    }

    fn quantity(&mut self, key: Key, quantity: Option<&Quantity<'_>>) -> Result<(), EntryError> {
        match quantity {
            None => Ok(()),
            Some(Quantity::Integer(n)) if (-MAX_INTEGER..=MAX_INTEGER).contains(n) => {
                self.raw(key, itoa::Buffer::new().format(*n));
                Ok(())
            }
            Some(Quantity::Decimal(text)) if text.len() <= MAX_TEXT && is_decimal(text) => {
                self.plain(key, text);
                Ok(())
            }
            Some(other) => Err(EntryError::Quantity {
                field: self.field(key),
                value: crate::error::shortened(&other.to_string()),
            }),
        }
    }

    fn object(
        &mut self,
        key: Key,
        write: impl FnOnce(&mut Object<'_>) -> Result<(), EntryError>,
    ) -> Result<(), EntryError> {
        self.key(key);
        let mut inner = Object::open(self.out, key.path);
        write(&mut inner)?;
        inner.close();
        Ok(())
    }

    /// A JSON string, refused when empty.
    fn checked(&mut self, key: Key, text: &str) -> Result<(), EntryError> {
        if text.is_empty() {
            return Err(EntryError::Empty {
                field: self.field(key),
            });
        }
        self.bounded(key, text)
    }

    /// A JSON string, refused when too long or when it holds a control character.
    #[expect(
        clippy::needless_bitwise_bool,
        reason = "without branches the compiler looks at many bytes at once"
    )]
    fn bounded(&mut self, key: Key, text: &str) -> Result<(), EntryError> {
        if text.len() > MAX_TEXT {
            return Err(EntryError::TooLong {
                field: self.field(key),
                len: text.len(),
            });
        }
        self.out.push('"');
        // One pass without a branch decides for nearly every text. 0xC2 leads the control characters U+0080 to U+009F.
        let suspect = text.bytes().fold(false, |found, b| {
            found | (b < 0x20) | (b == b'"') | (b == b'\\') | (b == 0x7f) | (b == 0xc2)
        });
        if suspect {
            self.escaped(key, text)?;
        } else {
            self.out.push_str(text);
        }
        self.out.push('"');
        Ok(())
    }

    fn escaped(&mut self, key: Key, text: &str) -> Result<(), EntryError> {
        for c in text.chars() {
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                c if c.is_control() => {
                    return Err(EntryError::Control {
                        field: self.field(key),
                        code: c.into(),
                    });
                }
                c => self.out.push(c),
            }
        }
        Ok(())
    }

    fn field(&self, key: Key) -> String {
        format!("{}{}", self.path, key.name)
    }
}
