//! A small reader of the `OpenMetrics` text format that is stricter than those who scrape.

use std::collections::{BTreeMap, BTreeSet};

/// What an exposition says: the type of each family, and each sample under its name with its labels.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    pub(crate) families: BTreeMap<String, String>,
    pub(crate) samples: BTreeMap<(String, BTreeMap<String, String>), f64>,
}

impl Exposition {
    /// Reads a whole exposition.
    ///
    /// # Panics
    /// What a scraper would refuse, or what no scraper needs: this is a test's reader.
    pub(crate) fn read(text: &str) -> Self {
        let body = text.strip_suffix("# EOF\n").expect("ends with its end");
        let mut read = Self::default();
        let mut family = String::new();
        let mut described = BTreeSet::new();
        for line in body.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').expect("a name and a help");
                assert!(help.ends_with('.') && !help.ends_with(".."), "{line}");
                assert!(described.insert(name.to_owned()), "twice: {line}");
                name.clone_into(&mut family);
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').expect("a name and a type");
                assert_eq!(name, family, "a type follows its help");
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                read.families.insert(name.to_owned(), kind.to_owned());
            } else if let Some(unit) = line.strip_prefix("# UNIT ") {
                let (name, unit) = unit.split_once(' ').expect("a name and a unit");
                assert_eq!(name, family);
                assert!(name.ends_with(&format!("_{unit}")), "{line}");
            } else {
                let (name, labels, value) = sample(line);
                let suffixes: &[&str] = match read.families[&family].as_str() {
                    "counter" => &["_total"],
                    "gauge" => &[""],
                    _ => &["_sum", "_count", "_bucket"],
                };
                let of_family = suffixes
                    .iter()
                    .any(|suffix| name == format!("{family}{suffix}"));
                assert!(of_family, "`{line}` is not of `{family}`");
                assert!(
                    value.is_finite() && value >= 0.0 || name.ends_with("_open"),
                    "{line}"
                );
                let twice = read.samples.insert((name, labels), value);
                assert!(twice.is_none(), "twice: {line}");
            }
        }
        read.check_histograms();
        read
    }

    /// The sum of all samples of this name whose labels include these.
    pub(crate) fn sum(&self, name: &str, having: &[(&str, &str)]) -> f64 {
        let of = self.samples.iter().filter(|((sample, labels), _)| {
            let has = |(key, value): &(&str, &str)| labels.get(*key).is_some_and(|l| l == value);
            sample == name && having.iter().all(has)
        });
        of.map(|(_, value)| value).sum()
    }

    /// Buckets never fall, and the last one, without bound, is the count.
    fn check_histograms(&self) {
        let mut buckets: BTreeMap<_, Vec<(f64, f64)>> = BTreeMap::new();
        for ((name, labels), value) in &self.samples {
            let Some(family) = name.strip_suffix("_bucket") else {
                continue;
            };
            let mut labels = labels.clone();
            let bound: f64 = labels.remove("le").expect("a bound").parse().unwrap();
            buckets
                .entry((family, labels))
                .or_default()
                .push((bound, *value));
        }
        for ((family, labels), mut of) in buckets {
            of.sort_by(|a, b| a.0.total_cmp(&b.0));
            assert!(of.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{of:?}");
            let count = self.samples[&(format!("{family}_count"), labels)];
            assert_eq!(of.last(), Some(&(f64::INFINITY, count)));
        }
    }
}

/// `name{key="value",…} 1.5`
fn sample(line: &str) -> (String, BTreeMap<String, String>, f64) {
    let end = line.find(['{', ' ']).expect("a name");
    let (name, mut rest) = line.split_at(end);
    let allowed = |c: char| c.is_ascii_lowercase() || c == '_';
    assert!(name.chars().all(allowed), "{line}");
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            rest = rest.strip_prefix(',').unwrap_or(rest);
            let (key, more) = rest.split_once("=\"").expect("a label");
            let (value, more) = quoted(more);
            assert!(key.chars().all(allowed), "{line}");
            assert!(labels.insert(key.to_owned(), value).is_none(), "{line}");
            rest = more;
        }
        rest = &rest[1..];
    }
    let value = rest.strip_prefix(' ').expect("a value").parse().unwrap();
    (name.to_owned(), labels, value)
}

/// The text up to its closing quotation mark, and what comes after it.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (value, &text[at + 1..]),
            '\\' => match chars.next().expect("an escaped character").1 {
                'n' => value.push('\n'),
                c @ ('"' | '\\') => value.push(c),
                c => panic!("`\\{c}` is no escape"),
            },
            c => value.push(c),
        }
    }
    panic!("no closing quotation mark in {text}");
}
