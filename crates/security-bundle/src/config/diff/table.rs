//! A difference as a table that a person reads.

use std::fmt;

use super::{ConfigChange, ConfigDiff, Direction};

/// One line for each change: what raises trust is marked `!`, what else loosens `+`, what tightens `-`. What could steer a terminal is
/// escaped.
impl fmt::Display for ConfigDiff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("no difference");
        }
        let rows: Vec<[String; 3]> = self.changes.iter().map(cells).collect();
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let (first, second) = (width(0), width(1));
        for (index, [head, subject, sides]) in rows.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{head:first$}  {subject:second$}  {sides}")?;
        }
        Ok(())
    }
}

/// One line, as in the table but not in columns.
impl fmt::Display for ConfigChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [head, subject, sides] = cells(self);
        write!(f, "{head}  {subject}  {sides}")
    }
}

fn cells(change: &ConfigChange) -> [String; 3] {
    let mark = match change.direction {
        _ if change.raises => "! raises  ",
        Direction::Loosens => "+ loosens ",
        Direction::Tightens => "- tightens",
        Direction::Changes => "  changes ",
    };
    let side = |text: &Option<String>| text.as_deref().map_or_else(|| "—".to_owned(), plain);
    [
        format!("{mark}  {}", change.part),
        plain(&change.subject),
        format!("{} → {}", side(&change.old), side(&change.new)),
    ]
}

fn plain(text: &str) -> String {
    let is_unseen = |c: char| {
        c.is_control()
            || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unseen(c) {
            plain.extend(c.escape_unicode());
        } else {
            plain.push(c);
        }
    }
    plain
}
