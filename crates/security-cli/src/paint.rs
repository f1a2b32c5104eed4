//! How things look in a terminal: few colours, always the same meaning. `anstream` drops them where there is no terminal.

use anstyle::{AnsiColor, Style};

/// Allowed, verified.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Denied, tampered.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Allowed with something to do about it.
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default().bold();
/// What explains, and need not be read.
pub(crate) const DIM: Style = Style::new().dimmed();
/// Headings.
pub(crate) const HEAD: Style = Style::new().bold();

/// The colour of an outcome.
pub(crate) fn outcome(outcome: &str) -> Style {
    match outcome {
        "deny" => BAD,
        "allow_with_caveat" => WARN,
        _ => GOOD,
    }
}

/// Text from a log or a file, safe to show: what could steer a terminal, hide or turn the text around is replaced.
pub(crate) fn plain(text: &str) -> String {
    let is_unsafe = |c: char| c.is_control() || is_unseen(c);
    text.chars()
        .map(|c| if is_unsafe(c) { '\u{fffd}' } else { c })
        .collect()
}

/// Zero-width characters and marks of direction.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// At most `width` characters, and an ellipsis where something was cut.
pub(crate) fn cut(text: &str, width: usize) -> String {
    let text = plain(text);
    if text.chars().count() <= width {
        return text;
    }
    let mut short: String = text.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_at_the_width_and_lets_nothing_steer_the_terminal() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "ab…");
        assert_eq!(plain("a\u{1b}[31mb"), "a\u{fffd}[31mb");
        assert_eq!(plain("a\u{202e}b\u{200b}"), "a\u{fffd}b\u{fffd}");
    }
}
