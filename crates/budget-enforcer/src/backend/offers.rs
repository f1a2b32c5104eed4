//! Which slices an authority offers, in which order, and under which keys: a function of the request alone.
//!
//! A request that is repeated must meet the same questions again, whatever has become available meanwhile. So the sizes do not follow
//! what is available: they go from what is wanted to the least that will do, halving the difference each time, and each size is a request with a
//! key of its own. Every answer but the first yes is then a refusal that is remembered, and the first yes is the answer.

use uuid::Uuid;

use super::refusal::{BackendError, Refusal};
use super::wire::LeaseRequest;
use crate::amounts::{Amounts, Dimension};
use crate::charge::Charge;
use crate::key::IdempotencyKey;

/// A slice to try: the charge that debits it, and the key under which it is asked for.
pub(super) struct Offer {
    pub(super) charge: Charge,
    pub(super) amounts: Amounts,
    pub(super) key: IdempotencyKey,
}

/// The offers for `request`, largest first; at most 65.
pub(super) fn offers(
    request: &LeaseRequest,
) -> Result<impl Iterator<Item = Result<Offer, BackendError>>, Refusal> {
    let (wanted, least) = (&request.wanted, &request.at_least);
    let units = |amounts: &Amounts, dimension| amounts.units(dimension).unwrap_or(0);
    if Dimension::ALL
        .iter()
        .all(|dimension| units(least, *dimension) == 0)
    {
        return Err(Refusal::invalid("at_least", "it must be more than nothing"));
    }
    let slack = Amounts::from_units(|dimension| {
        units(wanted, dimension).checked_sub(units(least, dimension))
    });
    if Dimension::ALL
        .iter()
        .any(|dimension| slack.units(*dimension).is_none())
    {
        return Err(Refusal::invalid(
            "at_least",
            "it must not be more than what is wanted",
        ));
    }
    if request.envelopes.is_empty() {
        return Err(Refusal::invalid("envelopes", "at least one must be named"));
    }
    let widest = Dimension::ALL
        .iter()
        .filter_map(|dimension| slack.units(*dimension))
        .max();
    // The first turn at which nothing is left of the slack.
    let turns = u64::BITS.saturating_sub(widest.unwrap_or(0).leading_zeros());
    Ok((0..=turns).filter_map(move |turn| {
        let amounts = Amounts::from_units(|dimension| {
            let extra = slack.units(dimension)?.checked_shr(turn).unwrap_or(0);
            wanted.units(dimension)?;
            Some(units(least, dimension).saturating_add(extra))
        });
        let charge = charge(request, amounts)?;
        Some(nth_key(request.key, turn).map(|key| Offer {
            charge,
            amounts,
            key,
        }))
    }))
}

/// `amounts` from each of the envelopes.
fn charge(request: &LeaseRequest, amounts: Amounts) -> Option<Charge> {
    let mut named: Vec<_> = Vec::with_capacity(request.envelopes.len());
    for envelope in &request.envelopes {
        if !named.contains(&envelope) {
            named.push(envelope);
        }
    }
    let lines = named
        .into_iter()
        .map(|envelope| Charge::of(envelope.clone()).amounts(amounts));
    lines.reduce(Charge::and)
}

/// A key that stands for the `turn`th offer, made at the same time as `key`. None is `key` itself, so that a hold and a lease that were asked
/// for with the same key are never taken for each other.
fn nth_key(key: IdempotencyKey, turn: u32) -> Result<IdempotencyKey, BackendError> {
    // The low 62 bits are the random ones; an odd factor gives each turn other ones, far apart.
    const RANDOM: u64 = u64::MAX >> 2;
    let other = u64::from(turn)
        .saturating_add(1)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        & RANDOM;
    let bits = Uuid::from(key).as_u128() ^ u128::from(other);
    Ok(IdempotencyKey::try_from(Uuid::from_u128(bits))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charge::Envelope;
    use crate::id::BudgetId;
    use std::collections::HashSet;
    use std::time::Duration;
    use time::OffsetDateTime;

    fn request(wanted: Amounts, at_least: Amounts) -> LeaseRequest {
        LeaseRequest {
            holder: "node-1".parse().unwrap(),
            envelopes: vec![Envelope::from(&"a".parse::<BudgetId>().unwrap())],
            wanted,
            at_least,
            ttl: Duration::from_secs(60),
            key: IdempotencyKey::at(OffsetDateTime::UNIX_EPOCH),
        }
    }

    fn sizes(wanted: Amounts, at_least: Amounts) -> Vec<Amounts> {
        let request = request(wanted, at_least);
        offers(&request)
            .unwrap()
            .map(|offer| offer.unwrap().amounts)
            .collect()
    }

    #[test]
    fn sizes_go_from_what_is_wanted_to_the_least_that_will_do() {
        let calls = |calls| Amounts::NONE.calls(calls);
        assert_eq!(sizes(calls(10), calls(1)), [10, 5, 3, 2, 1].map(calls));
        assert_eq!(sizes(calls(4), calls(4)), [calls(4)]);
        assert_eq!(
            sizes(calls(4).tokens(100), calls(3)),
            [
                (4, 100),
                (3, 50),
                (3, 25),
                (3, 12),
                (3, 6),
                (3, 3),
                (3, 1),
                (3, 0)
            ]
            .map(|(c, t)| calls(c).tokens(t))
        );
        let all = sizes(calls(u64::MAX), calls(1));
        assert_eq!((all.len(), all.last()), (65, Some(&calls(1))));
    }

    #[test]
    fn every_offer_has_a_key_of_its_own() {
        let request = request(Amounts::NONE.calls(u64::MAX), Amounts::NONE.calls(1));
        let mut keys: HashSet<_> = offers(&request)
            .unwrap()
            .map(|offer| offer.unwrap().key)
            .collect();
        assert_eq!(keys.len(), 65);
        assert!(
            keys.iter()
                .all(|key| key.made_at() == request.key.made_at())
        );
        assert!(
            keys.insert(request.key),
            "a lease is asked for under other keys than a hold"
        );
    }

    #[test]
    fn an_envelope_that_is_named_twice_is_debited_once() {
        let mut request = request(Amounts::NONE.calls(4), Amounts::NONE.calls(4));
        request.envelopes.extend_from_within(..);
        let offer = offers(&request).unwrap().next().unwrap().unwrap();
        assert_eq!(
            offer
                .charge
                .lines()
                .map(|(_, amounts)| amounts.calls)
                .collect::<Vec<_>>(),
            [Some(4)]
        );
    }

    #[test]
    fn refuses_to_offer_nothing_or_more_than_is_wanted() {
        let calls = |calls| Amounts::NONE.calls(calls);
        for (wanted, at_least) in [
            (calls(4), Amounts::NONE),
            (calls(4), calls(0)),
            (calls(4), calls(5)),
            (calls(4), calls(1).tokens(1)),
            (Amounts::NONE, Amounts::NONE),
        ] {
            assert!(
                offers(&request(wanted, at_least)).is_err(),
                "{wanted:?} {at_least:?}"
            );
        }
        let mut nowhere = request(calls(4), calls(4));
        nowhere.envelopes.clear();
        assert!(offers(&nowhere).is_err());
    }
}
