//! Components share no code, so some files stand in two of them. Whoever mends one must mend the other: this says so.

use super::{Finding, Subject};

/// Files that are the same but for their crates' names: in the one crate, in the other, and where.
const TWINS: &[(&str, &str, &str)] = &[
    (
        "crates/trust-gate",
        "crates/consent",
        "src/durable/directory.rs",
    ),
    ("crates/trust-gate", "crates/consent", "src/durable/disk.rs"),
    (
        "crates/trust-gate",
        "crates/consent",
        "src/durable/error.rs",
    ),
    ("crates/trust-gate", "crates/consent", "src/durable/row.rs"),
];

pub(super) fn alike(subject: &Subject<'_>) -> Vec<Finding> {
    TWINS
        .iter()
        .filter_map(|(one, other, file)| {
            let (one, other) = (format!("{one}/{file}"), format!("{other}/{file}"));
            let texts = (subject.tree.text(&one), subject.tree.text(&other));
            match texts {
                (None, None) => None,
                (Some(text), Some(twin)) => {
                    let line = first_difference(text, twin)?;
                    let what = format!("line {line} is not that of its twin {other}");
                    Some(Finding::new(one, what))
                }
                _ => Some(Finding::new(
                    one,
                    format!("stands alone; its twin is {other}"),
                )),
            }
        })
        .collect()
}

/// The line at which two texts differ in more than the name of a file that is theirs alone.
fn first_difference(one: &str, other: &str) -> Option<usize> {
    let plain = |line: &str| line.replace("\"trust.", "\"").replace("\"consent.", "\"");
    let (mut lines, mut twins) = (one.lines(), other.lines());
    for number in 1.. {
        match (lines.next(), twins.next()) {
            (None, None) => return None,
            (Some(line), Some(twin)) if plain(line) == plain(twin) => {}
            _ => return Some(number),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::tree::Tree;
    use super::*;

    fn findings(files: &[(&str, &str)]) -> usize {
        let tree = Tree::of(files);
        alike(&Subject {
            tree: &tree,
            packages: &[],
        })
        .len()
    }

    #[test]
    fn twins_differ_in_their_names_alone() {
        let trust = "crates/trust-gate/src/durable/row.rs";
        let consent = "crates/consent/src/durable/row.rs";
        assert_eq!(
            findings(&[(trust, "a\n\"trust.x\""), (consent, "a\n\"consent.x\"")]),
            0
        );
        assert_eq!(findings(&[(trust, "a\nb"), (consent, "a\nc")]), 1);
        assert_eq!(findings(&[(trust, "a\nb"), (consent, "a")]), 1);
        assert_eq!(findings(&[(trust, "a")]), 1);
    }
}
