//! Text that others wrote, so that it can be shown: a reason may hold what is not seen or turns the line around.

use std::fmt::{self, Write};

use crate::name::is_unseen;

/// The text as it is, with every character that does not show as itself written as `\u{…}`.
pub(crate) struct Plain<'a>(pub(crate) &'a str);

impl fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| {
            if is_hidden(character) {
                write!(f, "{}", character.escape_unicode())
            } else {
                f.write_char(character)
            }
        })
    }
}

/// Whether it moves the cursor, ends the line, turns the text around or takes no room.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || is_unseen(character)
        || matches!(
            character,
            '\u{AD}' | '\u{34F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
                | '\u{2028}' | '\u{2029}' | '\u{2061}'..='\u{206F}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}'
                | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_seen_stays_and_what_is_not_is_spelt_out() {
        let text = "naïve 日本 a|b\u{202E}c\u{2028}d\ne\u{E0041}";
        assert_eq!(
            Plain(text).to_string(),
            "naïve 日本 a|b\\u{202e}c\\u{2028}d\\u{a}e\\u{e0041}"
        );
    }
}
