"""The windows of time by Python's zoneinfo, which calendar.rs holds the crate's windows against.

Usage: calendar.py FOLDER SEED ZONE...   where FOLDER holds the zones' rules as TZif files.

A window begins at the first instant whose local date is its first day or later. That instant is searched for among the local
dates that zoneinfo tells, one stretch of constant offset after the other, because where clocks go back a date can come twice.
Prints `zone, period, instant, start, end` with tabs between; times are microseconds since 1970.
"""

import random
import sys
from bisect import bisect_right
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
ANCHOR = datetime(2026, 1, 1, 6, 30, tzinfo=timezone.utc)
TICK = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
# Before: local mean time, without transitions (but for a few in the years before). After: the same rules for ever.
FIRST = datetime(1844, 1, 1, tzinfo=timezone.utc)
LAST = datetime(2040, 1, 1, tzinfo=timezone.utc)
FIXED = {
    "hourly": timedelta(hours=1),
    "every 61s": timedelta(seconds=61),
    "every 90m": timedelta(minutes=90),
    "every 36h": timedelta(hours=36),
    "every 7d": timedelta(days=7),
    "every 52w": timedelta(weeks=52),
}


def first_day(period, day):
    if period == "weekly":
        return day - timedelta(days=day.weekday())
    if period == "monthly":
        return day.replace(day=1)
    if period == "yearly":
        return day.replace(month=1, day=1)
    return day


def following(period, first):
    """The first day of the next period: far enough to be in it, then back to its first day."""
    far = {"daily": 1, "weekly": 7, "monthly": 31, "yearly": 366}[period]
    return first_day(period, first + timedelta(days=far))


def preceding(period, first):
    return first_day(period, first - DAY)


class Calendar:
    def __init__(self, rules, name):
        with open(rules, "rb") as file:
            self.zone = ZoneInfo.from_file(file, key=name)
        self.starts = [FIRST - 800 * DAY, *self.transitions()]
        self.begun = {}

    def date(self, at):
        return at.astimezone(self.zone).date()

    def offset(self, at):
        return at.astimezone(self.zone).utcoffset()

    def transitions(self):
        """The first instants of a new offset. Two within a day would hide from the search; there are none."""
        at, before = FIRST - 800 * DAY, self.offset(FIRST - 800 * DAY)
        while at < LAST + 800 * DAY:
            offset = self.offset(at + DAY)
            if offset != before:
                yield search(lambda x: self.offset(x) == offset, at, at + DAY)
            at, before = at + DAY, offset

    def begin(self, day):
        if day not in self.begun:
            self.begun[day] = self.find(day)
        return self.begun[day]

    def find(self, day):
        # A local date begins less than two days before or after the same date does in UTC.
        start = datetime(day.year, day.month, day.day, tzinfo=timezone.utc) - 2 * DAY
        piece = bisect_right(self.starts, start)
        while True:
            end = self.starts[piece] if piece < len(self.starts) else start + 10 * DAY
            if self.date(start) >= day:
                return start
            if self.date(end - TICK) >= day:
                return search(lambda x: self.date(x) >= day, start, end - TICK)
            start, piece = end, piece + 1

    def window(self, period, at):
        """From the last beginning that is not later than `at` to the first that is."""
        later = following(period, first_day(period, at.date() + 2 * DAY))
        while self.begin(later) > at:
            end = self.begin(later)
            later = preceding(period, later)
        return self.begin(later), end

    def instants(self, rng):
        for transition in self.starts[1:]:
            if FIRST <= transition <= LAST:
                near = [transition + by for by in (-SECOND, -TICK, 0 * TICK, TICK, SECOND)]
                for day in (self.date(transition - TICK), self.date(transition) + DAY):
                    near += around(self.begin(day))
                yield from near
        for year in range(1972, 2040, 4):
            for day in (date(year, 2, 29), date(year, 3, 1), date(year + 1, 1, 1)):
                yield from around(self.begin(day))
        for _ in range(100):
            yield FIRST + TICK * rng.randrange((LAST - FIRST) // TICK)


def around(at):
    return [at - TICK, at, at + TICK]


def search(holds, false, true):
    """The first instant that `holds`, which it does not at `false` and does from somewhere until `true`."""
    while true - false > TICK:
        middle = false + (true - false) // 2
        if holds(middle):
            true = middle
        else:
            false = middle
    return true


def fixed(period, at):
    length, anchor = FIXED[period], EPOCH if period == "hourly" else ANCHOR
    start = anchor + (at - anchor) // length * length
    return start, start + length


def main():
    folder, seed, *names = sys.argv[1:]
    for name in names:
        calendar = Calendar(Path(folder, name), name)
        rng = random.Random(f"{seed} {name}")
        instants = sorted(set(calendar.instants(rng)))
        rows = []
        for period in ("daily", "weekly", "monthly", "yearly"):
            rows += [(period, at, *calendar.window(period, at)) for at in instants]
        for period in FIXED:
            rows += [(period, at, *fixed(period, at)) for at in rng.sample(instants, min(100, len(instants)))]
        for period, *times in rows:
            print("\t".join([name, period, *(str((at - EPOCH) // TICK) for at in times)]))


main()
