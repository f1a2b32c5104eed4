//! What a verified agent says, and what it cannot be made to say.

use agent_identity::{AuthenticatedBy, Ceiling, local_agent};
use proptest::prelude::*;

use crate::fixture::{Fixture, HOUR, NOON, SECOND, ask};

#[test]
fn a_token_says_who_by_whom_and_until_when() {
    let fixture = Fixture::new();
    let request = ask()
        .lifetime(HOUR)
        .ceiling(Ceiling::try_from(2).unwrap())
        .name("Ada’s desk");
    let agent = fixture.present(fixture.token_of(&request)).unwrap();
    assert_eq!(agent.id().as_str(), "ada");
    assert_eq!(agent.authenticated_by(), AuthenticatedBy::Token);
    assert_eq!(agent.issuer().unwrap().as_str(), "launcher");
    assert_eq!(agent.key_id().unwrap().as_str(), "k1");
    assert_eq!(agent.token_id().unwrap().as_str().len(), 22);
    assert_eq!(agent.valid_until(), Some(NOON + HOUR));
    assert_eq!(agent.ceiling().map(Ceiling::get), Some(2));
    assert_eq!(agent.claimed_name(), Some("Ada’s desk"));
}

#[test]
fn a_local_agent_has_a_name_and_nothing_else() {
    let agent = local_agent("ada".parse().unwrap());
    assert_eq!(agent.authenticated_by().code(), "local");
    assert_eq!(
        (
            agent.issuer(),
            agent.key_id(),
            agent.token_id(),
            agent.claimed_name()
        ),
        (None, None, None, None)
    );
    assert_eq!(agent.ceiling(), None);
    assert!(agent.is_valid_at(time::macros::datetime!(9999-12-31 0:00 UTC)));
}

#[test]
fn an_agent_that_is_kept_ends_exactly_with_its_token() {
    let fixture = Fixture::with(|builder| builder.leeway(SECOND));
    let agent = fixture
        .present(fixture.token_of(&ask().lifetime(HOUR)))
        .unwrap();
    let end = NOON + HOUR + SECOND;
    assert_eq!(agent.valid_until(), Some(end));
    let almost = end - std::time::Duration::from_nanos(1);
    assert!(agent.is_valid_at(almost));
    assert!(!agent.is_valid_at(end));
    assert_eq!(agent.check(end).unwrap_err().code(), "expired");
}

#[test]
fn a_level_that_is_none_is_no_ceiling() {
    for level in 6..=u8::MAX {
        assert_eq!(
            Ceiling::try_from(level).unwrap_err().code(),
            "invalid_ceiling"
        );
    }
}

#[test]
fn a_claimed_name_is_no_part_of_the_id() {
    let fixture = Fixture::new();
    let agent = fixture
        .present(fixture.token_of(&ask().name("admin")))
        .unwrap();
    assert_eq!(agent.id().as_str(), "ada");
}

proptest! {
    #[test]
    fn a_token_only_ever_lowers_a_level(ceiling in proptest::option::of(0_u8..=5), level: u8) {
        let fixture = Fixture::new();
        let request = ceiling.map_or(ask(), |c| ask().ceiling(Ceiling::try_from(c).unwrap()));
        let agent = fixture.present(fixture.token_of(&request)).unwrap();
        let lowered = agent.lower(level);
        prop_assert!(lowered <= level);
        prop_assert_eq!(lowered, ceiling.map_or(level, |ceiling| level.min(ceiling)));
    }
}
