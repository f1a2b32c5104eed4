//! TOML into the common form.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::node::{Depth, Entry, Node, Value};
use super::source::{ConfigError, Lines};

pub(super) fn read(text: &str) -> Result<Node, ConfigError> {
    let lines = Lines::of(text);
    let root = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| lines.at(span.start));
        ConfigError::on_line(line, error.message().lines().next().unwrap_or_default())
    })?;
    Reader(lines).table(root.get_ref(), 1, Depth::default())
}

struct Reader(Lines);

impl Reader {
    fn table(&self, table: &DeTable<'_>, line: usize, depth: Depth) -> Result<Node, ConfigError> {
        let entries = table
            .iter()
            .map(|(key, value)| {
                let line = self.0.at(key.span().start);
                Ok(Entry {
                    key: key.get_ref().to_string(),
                    line,
                    value: self.value(value, depth.deeper(line)?)?,
                })
            })
            .collect::<Result<_, ConfigError>>()?;
        Node::table(line, entries)
    }

    fn value(&self, value: &Spanned<DeValue<'_>>, depth: Depth) -> Result<Node, ConfigError> {
        let line = self.0.at(value.span().start);
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.to_string()),
            DeValue::Boolean(value) => Value::Bool(*value),
            DeValue::Integer(number) => {
                let value = i128::from_str_radix(number.as_str(), number.radix());
                return Ok(Node::integer(line, value.ok(), number.as_str()));
            }
            DeValue::Float(number) => return Ok(Node::fraction(line, number.as_str())),
            DeValue::Datetime(time) => {
                let problem = format!("a time is written as text: \"{time}\"");
                return Ok(Node::refused(line, problem));
            }
            DeValue::Array(list) => Value::List(
                list.iter()
                    .map(|item| self.value(item, depth.deeper(line)?))
                    .collect::<Result<_, _>>()?,
            ),
            DeValue::Table(table) => return self.table(table, line, depth),
        };
        Ok(Node { line, value })
    }
}
