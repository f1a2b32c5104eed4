//! The model: what a gate and a ledger must answer, as slow obvious lines over the list of all records.

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) agent: Option<&'static str>,
    pub(super) data: Option<&'static str>,
    pub(super) purpose: Option<&'static str>,
    pub(super) subject: Option<&'static str>,
    pub(super) operation: Option<&'static str>,
}

#[derive(Debug, Clone)]
pub(super) struct Line {
    pub(super) revision: u64,
    pub(super) kind: &'static str,
    pub(super) named: Named,
    pub(super) from: Option<i64>,
    pub(super) until: Option<i64>,
    /// The version of the one notice there is.
    pub(super) version: Option<u8>,
    pub(super) renews: Option<u64>,
    pub(super) authority: bool,
}

/// A version of the notice was published.
#[derive(Debug, Clone, Copy)]
pub(super) struct Published {
    pub(super) revision: u64,
    pub(super) version: u8,
    pub(super) requires_renewal: bool,
}

pub(super) fn ended(line: &Line, published: &[Published]) -> bool {
    line.version.is_some_and(|version| {
        published.iter().any(|published| {
            published.requires_renewal
                && published.revision > line.revision
                && published.version != version
        })
    })
}

/// The versions under which consent may be given; `None`: any.
pub(super) fn current(published: &[Published]) -> Option<Vec<u8>> {
    let last = published
        .iter()
        .rposition(|published| published.requires_renewal);
    let since = &published[last.unwrap_or(0)..];
    (!published.is_empty()).then(|| since.iter().map(|published| published.version).collect())
}

pub(super) fn within(wide: &str, narrow: &str) -> bool {
    let (wide, narrow): (Vec<_>, Vec<_>) = (wide.split('.').collect(), narrow.split('.').collect());
    narrow.len() >= wide.len() && narrow[..wide.len()] == wide[..]
}

pub(super) fn covers_one(wide: Option<&str>, narrow: Option<&str>) -> bool {
    match (wide, narrow) {
        (None, _) => true,
        (_, None) => false,
        (Some(wide), Some(narrow)) => within(wide, narrow),
    }
}

impl Named {
    pub(super) fn parts(&self) -> [Option<&'static str>; 5] {
        [
            self.agent,
            self.data,
            self.purpose,
            self.subject,
            self.operation,
        ]
    }

    pub(super) fn covers(&self, other: &Self) -> bool {
        self.parts()
            .into_iter()
            .zip(other.parts())
            .all(|(wide, narrow)| covers_one(wide, narrow))
    }

    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.parts()
            .into_iter()
            .zip(other.parts())
            .all(|(one, two)| covers_one(one, two) || covers_one(two, one))
    }
}

/// The code and the revision of the deciding record.
pub(super) fn judge(
    lines: &[Line],
    published: &[Published],
    asked: &Named,
    now: i64,
    default_deny: bool,
) -> (&'static str, Option<u64>) {
    let in_force = |line: &Line| {
        line.from.is_none_or(|from| from <= now)
            && line.until.is_none_or(|until| now < until)
            && !ended(line, published)
    };
    let exactness = |line: &&Line| {
        (
            line.named
                .purpose
                .map_or(0, |purpose| purpose.split('.').count()),
            line.revision,
        )
    };
    let taken = lines
        .iter()
        .rev()
        .find(|line| line.kind != "given" && line.named.overlaps(asked));
    let since = taken.map_or(0, |line| line.revision);
    let covering: Vec<&Line> = lines
        .iter()
        .filter(|line| line.kind == "given" && line.revision > since && line.named.covers(asked))
        .collect();
    if let Some(line) = covering
        .iter()
        .copied()
        .filter(|line| in_force(line))
        .max_by_key(exactness)
    {
        return ("consent_granted", Some(line.revision));
    }
    if !default_deny && taken.is_none() {
        return ("permissive_mode", None);
    }
    let still_good = covering
        .iter()
        .copied()
        .filter(|line| !ended(line, published));
    if let Some(line) = still_good.max_by_key(exactness) {
        let early = line.from.is_some_and(|from| now < from);
        return (
            if early { "not_yet_valid" } else { "expired" },
            Some(line.revision),
        );
    }
    if let Some(line) = covering.iter().copied().max_by_key(exactness) {
        return ("notice_superseded", Some(line.revision));
    }
    if let Some(line) = taken {
        return (line.kind, Some(line.revision));
    }
    let for_another = lines.iter().filter(|line| {
        let any_purpose = Named {
            purpose: None,
            ..line.named
        };
        let instead = Named {
            purpose: line.named.purpose,
            ..*asked
        };
        let withdrawn = |later: &Line| {
            later.kind != "given" && later.revision > line.revision && later.named.covers(&instead)
        };
        line.kind == "given"
            && any_purpose.covers(asked)
            && in_force(line)
            && !lines.iter().any(withdrawn)
    });
    if let Some(line) = for_another.max_by_key(|line| line.revision) {
        let code = if asked.purpose.is_none() {
            "purpose_missing"
        } else {
            "purpose_not_covered"
        };
        return (code, Some(line.revision));
    }
    ("no_record", None)
}

/// The latest end, by now, of the consents that would permit had they not ended.
pub(super) fn last_lapse(lines: &[Line], published: &[Published], asked: &Named, now: i64) -> i64 {
    let taken = |line: &&Line| line.kind != "given" && line.named.overlaps(asked);
    let since = lines
        .iter()
        .filter(taken)
        .map(|line| line.revision)
        .max()
        .unwrap_or(0);
    let covering = lines
        .iter()
        .filter(|line| line.kind == "given" && line.revision > since && !ended(line, published));
    let ends = covering
        .filter(|line| line.named.covers(asked))
        .filter_map(|line| line.until);
    ends.filter(|until| *until <= now).max().unwrap_or(i64::MIN)
}

/// What has become of a consent.
pub(super) fn state(
    lines: &[Line],
    published: &[Published],
    line: &Line,
    now: i64,
) -> &'static str {
    let taking = |later: &&Line| later.kind != "given" && later.revision > line.revision;
    let mut takings = lines.iter().filter(taking);
    if line.kind != "given" {
        line.kind
    } else if let Some(later) = takings
        .clone()
        .find(|later| later.named.covers(&line.named))
    {
        later.kind
    } else if ended(line, published) {
        "superseded"
    } else if line.until.is_some_and(|until| until <= now) {
        "expired"
    } else if line.from.is_some_and(|from| now < from) {
        "not_yet_valid"
    } else if takings.any(|later| later.named.overlaps(&line.named)) {
        "narrowed"
    } else {
        "in_force"
    }
}

/// The model's clock, in nanoseconds since the start: the later of wall and elapsed time, never back, until accepted.
/// The mark lags up to a millisecond behind, but for acts and for what a denial told of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time {
    pub(super) wall: i64,
    pub(super) elapsed: Option<i64>,
    pub(super) anchor: Option<i64>,
    pub(super) mark: i64,
    /// The latest that was ever read: some of it may be stored, though the mark lags behind.
    pub(super) latest: i64,
}

impl Time {
    /// What a reading would give, without leaving a trace.
    pub(super) fn peek(&self) -> i64 {
        let by_elapsed = self
            .anchor
            .zip(self.elapsed)
            .map_or(i64::MIN, |(anchor, elapsed)| anchor + elapsed);
        self.mark.max(self.wall).max(by_elapsed)
    }

    pub(super) fn read(&mut self) -> i64 {
        let reading = self.peek();
        self.latest = self.latest.max(reading);
        if reading - self.mark >= 1_000_000 {
            self.mark = reading;
        }
        reading
    }

    pub(super) fn keep(&mut self, at: i64) {
        self.mark = self.mark.max(at);
    }

    /// The reading for an act, which no later act can precede.
    pub(super) fn act(&mut self) -> i64 {
        let at = self.read();
        self.keep(at);
        at
    }

    pub(super) fn start_at(&mut self, mark: i64) {
        self.mark = mark;
        self.latest = mark;
        self.anchor = self.elapsed.map(|elapsed| mark - elapsed);
    }
}
