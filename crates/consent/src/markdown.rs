//! Text that other people chose, made safe to stand in a table of Markdown.
//!
//! What could be read as structure is written as a character reference, which `CommonMark` never takes for structure
//! (0.31, section 2.5); what no reader sees is written out as its number.

use std::fmt::{self, Write};

use crate::id::is_invisible;

/// One cell's text. Displayed, it holds no line break, and nothing that ends the cell or is more than text.
pub(crate) struct Cell<'a>(pub(crate) &'a str);

impl fmt::Display for Cell<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut written = 0_u32; // how many of the last characters were a `w`: `www.` would become a link
        for c in self.0.chars() {
            if c.is_control() || is_invisible(c) || matches!(c, '\u{2028}' | '\u{2029}') {
                write!(f, "&#92;u&#123;{:x}&#125;", u32::from(c))?;
            } else if is_structure(c) || (c == '.' && written >= 3) {
                write!(f, "&#{};", u32::from(c))?;
            } else {
                f.write_char(c)?;
            }
            written = match c {
                'w' | 'W' => written.saturating_add(1),
                _ => 0,
            };
        }
        Ok(())
    }
}

/// All ASCII punctuation, but for what can only be text inside a cell.
fn is_structure(c: char) -> bool {
    c.is_ascii_punctuation() && !matches!(c, '.' | ',' | '-' | '/' | '@' | '\'' | '?' | '%' | '=')
}

/// A row of a table.
pub(crate) fn row(f: &mut impl Write, cells: &[String]) -> fmt::Result {
    for cell in cells {
        write!(f, "| {cell} ")?;
    }
    f.write_str("|\n")
}

/// The first two lines of a table, from titles of this crate's own.
pub(crate) fn head(f: &mut impl Write, titles: &[&str]) -> fmt::Result {
    row(
        f,
        &titles.iter().map(ToString::to_string).collect::<Vec<_>>(),
    )?;
    f.write_str("|")?;
    titles.iter().try_for_each(|_| f.write_str(" --- |"))?;
    f.write_str("\n")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn writes_references_for_what_could_be_structure() {
        for (text, cell) in [
            ("user.contact", "user.contact"),
            ("a|b", "a&#124;b"),
            ("`x`", "&#96;x&#96;"),
            ("<b>&amp;", "&#60;b&#62;&#38;amp&#59;"),
            ("[x](http://y)", "&#91;x&#93;&#40;http&#58;//y&#41;"),
            (
                "two\nlines\r",
                "two&#92;u&#123;a&#125;lines&#92;u&#123;d&#125;",
            ),
            ("\u{202e}live", "&#92;u&#123;202e&#125;live"),
            ("a\u{2028}b", "a&#92;u&#123;2028&#125;b"),
            ("a\\", "a&#92;"),
            ("www.example.com", "www&#46;example.com"),
            ("*_~#!", "&#42;&#95;&#126;&#35;&#33;"),
        ] {
            assert_eq!(Cell(text).to_string(), cell, "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_but_text_and_references_is_left(text in any::<String>()) {
            let cell = Cell(&text).to_string();
            let mut rest = cell.as_str();
            while let Some(at) = rest.find('&') {
                let reference = rest[at..].strip_prefix("&#").and_then(|rest| rest.split_once(';'));
                let (number, after) = reference.unwrap();
                prop_assert!(number.parse::<u32>().is_ok(), "{number}");
                prop_assert!(!rest[..at].contains(is_structure));
                rest = after;
            }
            prop_assert!(!rest.contains(is_structure));
            prop_assert!(!cell.chars().any(|c| c.is_control() || is_invisible(c)));
        }
    }
}
