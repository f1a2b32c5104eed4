//! How envelopes are named on the command line: a budget by its id, a session as `session:ID`.

use budget_enforcer::{BudgetError, Envelope};

use crate::paint;

const SESSION: &str = "session:";
const BUDGET: &str = "budget:";

/// `session:ID` is a session; `ID` a budget, and so is `budget:ID`, for ids that begin like that.
pub(super) fn parse(text: &str) -> Result<Envelope, BudgetError> {
    match text.strip_prefix(SESSION) {
        Some(id) => id.parse().map(Envelope::Session),
        None => text
            .strip_prefix(BUDGET)
            .unwrap_or(text)
            .parse()
            .map(Envelope::Budget),
    }
}

/// What [`parse`] reads back, safe to show.
pub(super) fn name(envelope: &Envelope) -> String {
    match envelope {
        Envelope::Session(id) => paint::plain(&format!("{SESSION}{id}")),
        Envelope::Budget(id)
            if id.as_str().starts_with(SESSION) || id.as_str().starts_with(BUDGET) =>
        {
            paint::plain(&format!("{BUDGET}{id}"))
        }
        Envelope::Budget(id) => paint::plain(id.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back_as_what_it_names() {
        for envelope in [
            Envelope::Session("s-1".parse().unwrap()),
            Envelope::Budget("s-1".parse().unwrap()),
            Envelope::Budget("session:s-1".parse().unwrap()),
            Envelope::Budget("budget:session:s-1".parse().unwrap()),
        ] {
            assert_eq!(parse(&name(&envelope)).unwrap(), envelope);
        }
        assert!(parse("session:").is_err());
        assert!(parse("").is_err());
    }
}
