//! Which rule of one list decides together with which rule of another, where the first pattern that matches decides.

use std::collections::{BTreeSet, HashMap};

/// The place of a rule; `None`: no rule matches.
pub(super) type Place = Option<usize>;

/// Each pair of rules between which some name may pass over: it is the old rule's before, and the new one's now.
///
/// A pair is left out only where one earlier pattern takes every name away; several that do so together are not seen.
pub(super) fn pairs(old: &[&str], new: &[&str]) -> Vec<(Place, Place)> {
    let (old, new) = (Rules::new(old), Rules::new(new));
    let mut found = BTreeSet::new();
    // A name without `*` is in exactly one rule on either side.
    found.extend(
        old.exact
            .keys()
            .map(|name| (old.first(name), new.first(name))),
    );
    found.extend(
        new.exact
            .keys()
            .map(|name| (old.first(name), new.first(name))),
    );
    let new_globs: Vec<_> = new
        .living()
        .map(|(j, glob)| (j, glob, old.first(glob)))
        .collect();
    for (i, one) in old.living() {
        let last = new.first(one);
        for (j, other, before) in &new_globs {
            if i <= *before && *j <= last && intersect(one, other) {
                found.insert((i, *j));
            }
        }
    }
    let place = |at: usize, rules: &Rules<'_>| (at < rules.none).then_some(at);
    found
        .into_iter()
        .map(|(i, j)| (place(i, &old), place(j, &new)))
        .collect()
}

/// A list of patterns, and behind it one for whatever none of them matches.
struct Rules<'a> {
    /// The first place of each name that is spelt out.
    exact: HashMap<&'a str, usize>,
    globs: Vec<(usize, &'a str)>,
    none: usize,
}

impl<'a> Rules<'a> {
    fn new(patterns: &[&'a str]) -> Self {
        let mut rules = Self {
            exact: HashMap::new(),
            globs: Vec::new(),
            none: patterns.len(),
        };
        for (place, pattern) in patterns.iter().enumerate() {
            if pattern.contains('*') {
                rules.globs.push((place, pattern));
            } else {
                rules.exact.entry(pattern).or_insert(place);
            }
        }
        rules.globs.push((rules.none, "*"));
        rules
    }

    /// The first rule that has all of a pattern.
    fn first(&self, pattern: &str) -> usize {
        let exact = self.exact.get(pattern).copied();
        let mut globs = self.globs.iter();
        let glob = globs.find(|(_, glob)| covers(glob, pattern));
        let glob = glob.map_or(self.none, |(place, _)| *place);
        exact.map_or(glob, |exact| exact.min(glob))
    }

    /// The globs that none before them covers.
    fn living(&self) -> impl Iterator<Item = (usize, &'a str)> {
        self.globs
            .iter()
            .copied()
            .filter(|(place, glob)| self.first(glob) == *place)
    }
}

/// Whether every name that `narrow` matches is matched by `wide`. A `*` of the narrow one can only be under one of the wide one's.
pub(super) fn covers(wide: &str, narrow: &str) -> bool {
    let Some((head, rest)) = wide.split_once('*') else {
        return wide == narrow;
    };
    let Some(narrow) = narrow.strip_prefix(head) else {
        return false;
    };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut narrow) = narrow.strip_suffix(tail) else {
        return false;
    };
    middle.split('*').all(|part| match narrow.split_once(part) {
        Some((_, after)) => {
            narrow = after;
            true
        }
        None => false,
    })
}

/// Whether some name is matched by both.
pub(super) fn intersect(one: &str, other: &str) -> bool {
    // `row`: whether what was read of `one` has a name in common with each beginning of `other`.
    let stars = other.chars().scan(true, |all, c| {
        *all &= c == '*';
        Some(*all)
    });
    let mut row: Vec<bool> = std::iter::once(true).chain(stars).collect();
    for a in one.chars() {
        let mut left = a == '*' && row.first() == Some(&true);
        let mut next = vec![left];
        for ((b, above), before) in other.chars().zip(row.iter().skip(1)).zip(&row) {
            left = if a == '*' || b == '*' {
                *above || left
            } else {
                a == b && *before
            };
            next.push(left);
        }
        row = next;
    }
    row.last() == Some(&true)
}

/// The names that both match, in words.
pub(super) fn overlap(old: Option<&str>, new: Option<&str>) -> String {
    let (old, new) = (old.unwrap_or("*"), new.unwrap_or("*"));
    if covers(old, new) {
        new.to_owned()
    } else if covers(new, old) {
        old.to_owned()
    } else {
        format!("{old} and {new}")
    }
}
