//! The gate's rules for the client's lines once more, in slow obvious steps and with a JSON reader of their own.

use std::collections::HashSet;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool,
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    fn member(&self, name: &str) -> Option<&Json> {
        match self {
            Self::Object(members) => members
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether an object somewhere in here has two members of one name.
    fn has_duplicates(&self) -> bool {
        match self {
            Self::List(items) => items.iter().any(Self::has_duplicates),
            Self::Object(members) => {
                let names: HashSet<&String> = members.iter().map(|(key, _)| key).collect();
                names.len() < members.len()
                    || members.iter().any(|(_, value)| value.has_duplicates())
            }
            _ => false,
        }
    }

    /// Whether a member is named like one of `names` but for its case.
    fn has_lookalikes(&self, names: &[&str]) -> bool {
        let Self::Object(members) = self else {
            return false;
        };
        let plain = |text: &str| {
            text.replace('\u{17f}', "s")
                .replace('\u{212a}', "k")
                .to_lowercase()
        };
        members.iter().any(|(key, _)| {
            names
                .iter()
                .any(|name| key != name && plain(key) == plain(name))
        })
    }
}

/// Reads one JSON text of at most 100 levels with nothing after it.
pub(crate) fn parse(text: &str) -> Option<Json> {
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    let value = value(&chars, &mut at, 0)?;
    blank(&chars, &mut at);
    (at == chars.len()).then_some(value)
}

fn blank(chars: &[char], at: &mut usize) {
    while matches!(chars.get(*at), Some(' ' | '\t' | '\n' | '\r')) {
        *at += 1;
    }
}

fn take(chars: &[char], at: &mut usize, expected: char) -> Option<()> {
    blank(chars, at);
    (chars.get(*at) == Some(&expected)).then(|| *at += 1)
}

fn value(chars: &[char], at: &mut usize, depth: usize) -> Option<Json> {
    blank(chars, at);
    for (word, value) in [
        ("null", Json::Null),
        ("true", Json::Bool),
        ("false", Json::Bool),
    ] {
        if chars[*at..].starts_with(&word.chars().collect::<Vec<_>>()) {
            *at += word.len();
            return Some(value);
        }
    }
    match chars.get(*at)? {
        '"' => text(chars, at).map(Json::Text),
        '[' if depth < 100 => {
            let mut items = Vec::new();
            *at += 1;
            if take(chars, at, ']').is_some() {
                return Some(Json::List(items));
            }
            loop {
                items.push(value(chars, at, depth + 1)?);
                if take(chars, at, ']').is_some() {
                    return Some(Json::List(items));
                }
                take(chars, at, ',')?;
            }
        }
        '{' if depth < 100 => {
            let mut members = Vec::new();
            *at += 1;
            if take(chars, at, '}').is_some() {
                return Some(Json::Object(members));
            }
            loop {
                blank(chars, at);
                let key = text(chars, at)?;
                take(chars, at, ':')?;
                members.push((key, value(chars, at, depth + 1)?));
                if take(chars, at, '}').is_some() {
                    return Some(Json::Object(members));
                }
                take(chars, at, ',')?;
            }
        }
        '-' | '0'..='9' => number(chars, at),
        _ => None,
    }
}

fn number(chars: &[char], at: &mut usize) -> Option<Json> {
    let start = *at;
    let digits = |at: &mut usize| {
        let from = *at;
        while chars.get(*at).is_some_and(char::is_ascii_digit) {
            *at += 1;
        }
        *at - from
    };
    if chars[*at] == '-' {
        *at += 1;
    }
    let leading_zero = chars.get(*at) == Some(&'0');
    let whole = digits(at);
    if whole == 0 || (leading_zero && whole > 1) {
        return None;
    }
    if chars.get(*at) == Some(&'.') {
        *at += 1;
        if digits(at) == 0 {
            return None;
        }
    }
    if matches!(chars.get(*at), Some('e' | 'E')) {
        *at += 1;
        if matches!(chars.get(*at), Some('+' | '-')) {
            *at += 1;
        }
        if digits(at) == 0 {
            return None;
        }
    }
    let text: String = chars[start..*at].iter().collect();
    text.parse::<f64>()
        .unwrap()
        .is_finite()
        .then_some(Json::Number(text))
}

fn text(chars: &[char], at: &mut usize) -> Option<String> {
    if chars.get(*at) != Some(&'"') {
        return None;
    }
    *at += 1;
    let mut units: Vec<u16> = Vec::new();
    loop {
        let c = *chars.get(*at)?;
        *at += 1;
        match c {
            '"' => return String::from_utf16(&units).ok(),
            '\\' => {
                let escape = *chars.get(*at)?;
                *at += 1;
                units.push(match escape {
                    '"' | '\\' | '/' => escape as u16,
                    'b' => 8,
                    'f' => 12,
                    'n' => 10,
                    'r' => 13,
                    't' => 9,
                    'u' => {
                        let hex: String = chars.get(*at..*at + 4)?.iter().collect();
                        *at += 4;
                        if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                            return None;
                        }
                        u16::from_str_radix(&hex, 16).ok()?
                    }
                    _ => return None,
                });
            }
            '\0'..='\u{1f}' => return None,
            c => units.extend(c.encode_utf16(&mut [0; 2]).iter()),
        }
    }
}

/// What a gate remembers, to the extent that it matters for what it forwards of the client's lines.
#[derive(Debug, Default)]
pub(crate) struct Model {
    in_flight: HashSet<String>,
}

impl Model {
    /// Whether a line (its newline left out) goes on to the server, with the tests' table for a judge and a server
    /// that never answers.
    pub(crate) fn forwards(&mut self, line: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(line) else {
            return false;
        };
        let body = text.strip_suffix('\r').unwrap_or(text);
        if body.contains('\r') {
            return false;
        }
        let Some(message) = parse(text) else {
            return false;
        };
        let sound = matches!(message, Json::Object(_))
            && !message.has_duplicates()
            && !message.has_lookalikes(&["jsonrpc", "id", "method", "params", "result", "error"])
            && message.member("jsonrpc").and_then(Json::text) == Some("2.0");
        if !sound {
            return false;
        }
        let id = message.member("id");
        let good_id = is_good_id(id);
        let has = |name: &str| message.member(name).is_some();
        let Some(method) = message.member("method") else {
            return !has("params")
                && match (has("result"), has("error")) {
                    (true, false) => good_id,
                    (false, true) => good_id || matches!(id, None | Some(Json::Null)),
                    _ => false,
                };
        };
        let Some(method) = method.text() else {
            return false;
        };
        if has("result") || has("error") {
            return false;
        }
        let params = message.member("params");
        let Some(id) = id else {
            return method.starts_with("notifications/")
                && (method != "notifications/cancelled"
                    || params.is_none_or(|params| {
                        matches!(params, Json::Object(_))
                            && !params.has_lookalikes(&["requestId"])
                            && params
                                .member("requestId")
                                .is_none_or(|id| is_good_id(Some(id)))
                    }));
        };
        let id = format!("{id:?}");
        let passes = good_id && !self.in_flight.contains(&id) && request_passes(method, params);
        if passes {
            self.in_flight.insert(id);
        }
        passes
    }
}

fn is_good_id(id: Option<&Json>) -> bool {
    match id {
        Some(Json::Text(text)) => text.len() <= 256,
        Some(Json::Number(text)) => {
            text != "-0"
                && text
                    .parse::<i64>()
                    .is_ok_and(|number| number.abs() < 1 << 53)
        }
        _ => false,
    }
}

fn request_passes(method: &str, params: Option<&Json>) -> bool {
    match method {
        "initialize" | "ping" | "server/discover" | "tools/list" => true,
        "tools/call" => params.is_some_and(|params| {
            !params.has_lookalikes(&["name", "arguments", "task"])
                && params.member("task").is_none()
                && params
                    .member("name")
                    .and_then(Json::text)
                    .is_some_and(|name| name.starts_with("run_"))
        }),
        _ => ["logging/", "resources/", "elicitation/"]
            .iter()
            .any(|start| method.starts_with(start)),
    }
}
