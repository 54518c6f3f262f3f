"""Who got each campaign, and what sets them apart from those who could have got it and did not.

Held against each other are the recipients, at the moment they were first sent it, and the others: customers with an event
before a comparable moment (they take the recipients' moments in turn), never sent it up to then or later, of the
recipients' countries, with no no to its channel, sender and list in force, and signed up for its list where every
recipient was. Candidates are acts within a window before that moment (a category at each level, an item, a search) and
states that hold at it (a segment, a value of the profile, among those who have that field, a list). A share of the recipients that is higher than chance
gives, corrected for there being so many candidates, sets them apart, if it is so too among people who do as many different
things (`proportions.standardised`); that the recipients do more of these is a candidate of its own.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import cached_property
from math import log

import numpy as np
import polars as pl

from audit.population import audience
from audit.population.audience import APART, CAMPAIGNS, FEWEST, WINDOWS, Audiences
from audit.population.audience_groups import Counts, Groups, choices
from audit.population.candidate_acts import ACTS, FIELD, KINDS, NEVER, CandidateActs, Holdings
from audit.population.proportions import (
    STRATA,
    Array,
    holm,
    log_chance,
    log_factorials,
    ratio_interval,
    standardised,
)

LEVEL = 0.01
"""House value: the chance that a campaign whose recipients were drawn by lot has anything named."""

MOST = 10
"""House value: so many things that set recipients apart are named, each for people who have none of those before it."""

LEAST_TIMES = (4, 3)
"""House value: what sets recipients apart four in as many of them have as three of the others; nothing that 75 % of these have."""

_CONSIDERED = 64
"""House value: among so many of the least likely ones is looked."""

_CELLS = 4_000_000
"""Numbers of so many campaigns and candidates are held at once."""

_ROWS = {name: dtype for name, dtype in APART.items() if name != "topic"} | {"path": pl.String()}
"""What is found out of each campaign by itself; the topics are looked up once for all."""

_EQUAL = 1e-9
"""Shares nearer to each other than this are the same."""

_DAY = timedelta(days=1) / timedelta(microseconds=1)


def count(
    events: pl.LazyFrame,
    messages: pl.LazyFrame | None = None,
    *,
    windows: Sequence[timedelta] = WINDOWS,
    least: int = FEWEST,
    campaign: str | None = None,
) -> Audiences:
    """Over all acts in `events`; `messages`: the same events with the campaign map filled in, where there is one.

    Nothing is named that fewer than `least` recipients did. `campaign`: the only one that is asked for.
    """
    sent = audience.sent_of_campaigns(events if messages is None else messages)
    if campaign is not None:
        sent = sent.filter(pl.col("campaign") == campaign)
    people = events.group_by("customer_id").agg(
        pl.col("occurred_at").min().to_physical().alias("first"),
        pl.col("country").drop_nulls().last(),
        pl.len().alias("events"),
    ).sort("customer_id").collect()  # fmt: skip
    if sent.is_empty():
        return audience.none()
    groups = Groups(sent, people, choices(events))
    acts = CandidateActs(events, people["customer_id"], people["events"].to_numpy(), max(windows), least)
    apart, counted = Comparison(groups, acts, sorted(windows), least).apart()
    return Audiences(groups.campaigns.hstack(counted).select(*CAMPAIGNS), apart)


class Comparison:
    """The tests of all campaigns over all candidates in all windows.

    A test is numbered: candidates of the first window, then those of the second; states stand in the last one.
    """

    def __init__(self, groups: Groups, acts: CandidateActs, windows: Sequence[timedelta], least: int) -> None:
        self.groups, self.acts, self.least = groups, acts, least
        self._windows = [window // timedelta(microseconds=1) for window in windows]
        self._candidates = acts.table.height
        self._logs = log_factorials(len(acts.people))
        self._asked: dict[int, tuple[int, Array, Array]] = {}

    def apart(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The rows of `APART`; and of each campaign `recipients, others` and `explains`, the share of the recipients with one of
        them at least.
        """
        at_once = 1
        if self.acts.sliced:  # which are read again for each lot
            each = 2 * self._candidates + self.acts.breadths.size * len(self.acts.people)
            at_once = max(_CELLS // max(each * len(self._windows), 1), 1)
        campaigns = range(self.groups.campaigns.height)
        found = [pl.DataFrame(schema=_ROWS)]
        counted: list[tuple[int, int, float]] = []
        for first in campaigns[::at_once]:
            some = self._counts(campaigns[first : first + at_once])
            self._count_by_breadth(some)
            for counts in some:
                rows, share = self._campaign(counts)
                found.append(rows)
                counted.append((*counts.sizes, share))
        columns = {name: CAMPAIGNS[name] for name in ("recipients", "others", "explains")}
        apart = pl.concat(found).with_columns(topic=audience.topic_of_candidate()).select(*APART)
        return apart, pl.DataFrame(counted, schema=columns, orient="row")

    def _counts(self, campaigns: range) -> list[Counts]:
        """Of each campaign how many hold the candidate of each test, how broad they are, and what is likely to set them apart."""
        kinds, people = self.acts.breadths.size, len(self.acts.people)
        shape = (len(campaigns), len(self._windows))
        counts = np.zeros((*shape, 2, self._candidates), np.int64)
        breadth = np.zeros((*shape, kinds, people), np.int32)
        for held in self.acts.holdings():
            for number, campaign in enumerate(campaigns):
                pairs, before = self._before(held, campaign)
                window, person = self._window(held, before), held.person[pairs]
                if held.breadth:
                    place, cell, cells = window * kinds, person, breadth[number]
                    place = place + held.candidate[pairs] - self.acts.breadths.min(initial=self._candidates)
                    each = people
                else:
                    place, cell, cells = 2 * window, held.candidate[pairs], counts[number]
                    place, each = place + self.groups.moments(campaign)[1][person], self._candidates
                cells.ravel()[:] += np.bincount(
                    np.multiply(place, each, dtype=np.int64) + cell, minlength=cells.size
                ).astype(cells.dtype)
        counts.cumsum(axis=1, out=counts)
        breadth.cumsum(axis=1, out=breadth)
        return [
            self._screened(Counts(self.groups, *each, self.acts.breadths))
            for each in zip(campaigns, counts, breadth, strict=True)
        ]

    def _screened(self, counts: Counts) -> Counts:
        """With the tests that are likely to set recipients apart, whatever else these do."""
        recipients, others = counts.recipients, counts.others
        tested = np.flatnonzero(recipients + others >= self.least)
        counts.tested = tested = tested[self._testable[tested % self._candidates]]
        among, rest = self._sides(counts, tested)
        enough = recipients[tested] >= self.least  # of all others the chance need not be known
        counts.chances = log_chance(recipients[tested] * enough, among, others[tested], rest, self._logs)
        counts.likely = (holm(counts.chances) <= LEVEL) & enough
        counts.likely &= LEAST_TIMES[1] * recipients[tested] * rest >= LEAST_TIMES[0] * others[tested] * among
        return counts

    def _count_by_breadth(self, some: Sequence[Counts]) -> None:
        """Count by strata of breadth who holds each test that is likely, what it lies under, and the field it is a value of."""
        for counts in some:
            tests = counts.tested[counts.likely]
            tests = tests[self._against(tests) >= 0]
            fields = self._fields(tests)
            counts.by_breadth(np.unique(np.concatenate([tests, self._above(tests), fields[fields >= 0]])))
        if not any(counts.numbered.size for counts in some):
            return
        for held in self.acts.holdings():
            for counts in some:
                if not held.breadth and counts.numbered.size:
                    self._count_strata(held, counts)

    def _count_strata(self, held: Holdings, counts: Counts) -> None:
        pairs, before = self._before(held, counts.campaign)
        asked = np.zeros(self._candidates, bool)
        asked[counts.numbered % self._candidates] = True
        these = asked[held.candidate[pairs]]
        pairs, window = pairs[these], self._window(held, before[these])
        for number in range(len(self._windows)):
            tests = counts.numbered - number * self._candidates
            inside = (tests >= 0) & (tests < self._candidates)
            place = np.full(self._candidates, -1)
            place[tests[inside]] = np.flatnonzero(inside)
            at = place[held.candidate[pairs]]
            these = np.flatnonzero((at >= 0) & (window <= number))
            person, candidate = held.person[pairs[these]], held.candidate[pairs[these]]
            stratum = counts.strata[number, self.acts.held_against[candidate], person]
            cells = (at[these] * STRATA + stratum) * 2 + counts.got[person]
            counts.held.ravel()[:] += np.bincount(cells, minlength=counts.held.size)

    def _window(self, held: Holdings, before: Array) -> Array:
        """The first window that each of the pairs lies in; states stand in the last one."""
        last = len(self._windows) - 1
        if held.reach is None:
            return np.full(before.size, last, np.int8)
        window = np.zeros(before.size, np.int8)
        for length in self._windows[:last]:
            window += before > length
        return window

    def _campaign(self, counts: Counts) -> tuple[pl.DataFrame, float]:
        """What sets the recipients of one campaign apart."""
        tests, chances = counts.tested[counts.likely], counts.chances
        among, rest = self._sides(counts, tests)
        share, alike = self._at_equal_breadth(counts, tests)
        at_breadth = self._against(tests) >= 0
        chances[counts.likely] = np.where(
            at_breadth,
            np.maximum(chances[counts.likely], log_chance(*alike, self._logs)),
            chances[counts.likely],
        )
        adjusted = holm(chances)[counts.likely]
        of_recipients = counts.recipients[tests] / among
        share = np.where(at_breadth, share, counts.others[tests] / np.maximum(rest, 1))
        apart = adjusted <= LEVEL
        apart &= LEAST_TIMES[1] * of_recipients >= LEAST_TIMES[0] * share - _EQUAL
        apart[apart] = self._separates(counts, tests[apart])
        chosen, further = tests[apart], (of_recipients - share)[apart]
        order = self._in_order(chosen, further)
        chosen = chosen[order]
        if not chosen.size:
            return pl.DataFrame(schema=_ROWS), 0.0
        fields = self._fields(chosen)
        holds, places, ages = self._holders(counts, np.append(chosen, fields[fields >= 0]))
        compared = np.repeat((counts.moments != NEVER)[:, None], chosen.size, axis=1)
        compared[:, fields >= 0] &= holds[:, chosen.size :]
        named = self._pruned(counts, chosen, holds, compared)
        median = np.array([np.median(ages[places == place]) / _DAY for place in named])
        rows = self._rows(counts, chosen[named]).with_columns(
            campaign=pl.lit(counts.row["campaign"]),
            p_adjusted=adjusted[apart][order][named],
            median_days_before=median,
        )
        explained = float(holds[counts.got][:, named].any(axis=1).mean())
        return pl.DataFrame(rows.select(*_ROWS), schema_overrides=_ROWS), explained

    def _against(self, tests: Array) -> Array:
        """The kind of act at whose breadth each of `tests` is held against the others; -1 where at none."""
        return np.asarray(self.acts.held_against[tests % self._candidates])

    def _above(self, tests: Array) -> Array:
        """The test of what each of `tests` lies under; itself where there is none."""
        parent = self.acts.parent[tests % self._candidates]
        return np.asarray(np.where(parent < 0, tests, tests - tests % self._candidates + parent))

    def _at_equal_breadth(
        self, counts: Counts, tests: Array, among: Array | None = None
    ) -> tuple[Array, tuple[Array, Array, Array, Array]]:
        """`standardised` of `tests`, by breadth; meaningless where they are not held at it. `among`: the tests whose holders are compared."""
        against, fields = self._against(tests), self._fields(tests)
        people = counts.totals[tests // self._candidates, against]
        inner = fields if among is None else among
        people = np.where((inner >= 0)[:, None, None], counts.by_test(inner), people)
        return standardised(counts.by_test(tests), people)

    @cached_property
    def _testable(self) -> Array:
        """Which candidates are tested: to have a field at all is none."""
        return (self.acts.table["what"] != FIELD).to_numpy()

    def _fields(self, tests: Array) -> Array:
        """The test of having the field, of those of a value of the profile; else -1."""
        candidates = tests % self._candidates
        field = self.acts.field[candidates]
        return np.asarray(np.where(field < 0, field, tests - candidates + field))

    def _sides(self, counts: Counts, tests: Array) -> Iterator[Array]:
        """Among how many recipients, and how many others, each of `tests` is: of a value of the profile those who have the field."""
        fields = self._fields(tests)
        for held, size in zip((counts.recipients, counts.others), counts.sizes, strict=True):
            yield np.where(fields < 0, size, held[fields])

    def _separates(self, counts: Counts, tests: Array) -> Array:
        """Whether each of `tests` sets recipients apart among the people who hold what it lies under, too."""
        above = self._above(tests)
        _, alike = self._at_equal_breadth(counts, tests, above)
        chance = log_chance(*alike, self._logs)
        return np.asarray((above == tests) | (chance + log(max(counts.tested.size, 1)) <= log(LEVEL)))

    def _in_order(self, tests: Array, further: Array) -> Array:
        """Where the shares lie furthest apart first; of those alike the deepest category, an item after all of them."""
        depth = self.acts.table["level"][tests % self._candidates].fill_null(0).to_numpy()
        return np.lexsort((tests, -depth, -further.round(9)))[:_CONSIDERED]

    def _holders(self, counts: Counts, chosen: Array) -> tuple[Array, Array, Array]:
        """Who holds each of `chosen` (person, place); and of the recipients' the place, and how long before (µs)."""
        holds = np.zeros((counts.got.size, chosen.size), bool)
        places, ages = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        asked = np.zeros(self._candidates, bool)
        asked[chosen % self._candidates] = True
        for held in self.acts.holdings():
            pairs, before = self._before(held, counts.campaign)
            these = asked[held.candidate[pairs]]
            pairs, before = pairs[these], before[these]
            window, candidate = self._window(held, before), held.candidate[pairs]
            person, order = held.person[pairs], np.argsort(candidate, kind="stable")
            begins = np.searchsorted(candidate, chosen % self._candidates, sorter=order)
            ends = np.searchsorted(candidate, chosen % self._candidates, "right", sorter=order)
            for place, test in enumerate(chosen):
                these = order[begins[place] : ends[place]]
                these = these[window[these] <= test // self._candidates]
                who, age = person[these], before[these]
                if held.breadth:  # of the broad each one's newest; they stand in order of the people
                    who, age = who[counts.broad(test)[who]], age[counts.broad(test)[who]]
                    starts = np.flatnonzero(np.diff(who, prepend=-1))
                    who, age = who[starts], np.minimum.reduceat(age, starts) if starts.size else age
                holds[who, place] = True
                age = age[counts.got[who]]
                places.append(np.full(age.size, place))
                ages.append(age)
        return holds, np.concatenate(places), np.concatenate(ages)

    def _before(self, held: Holdings, campaign: int) -> tuple[Array, Array]:
        """The pairs that hold at the people's moments, and for how long before each (µs)."""
        known = self._asked.get(id(held))
        if known is not None and known[0] == campaign:
            return known[1:]
        moments, _ = self.groups.moments(campaign)
        newest = held.newest(moments)
        pairs = np.flatnonzero(newest != NEVER)
        before = moments[held.person[pairs]] - newest[pairs]
        if not self.acts.sliced:  # the same holdings are asked again for this campaign
            self._asked[id(held)] = campaign, pairs, before
        return pairs, before

    def _pruned(self, counts: Counts, chosen: Array, holds: Array, compared: Array) -> list[int]:
        """The places in `chosen` that say something of their own: not above or below one before, and still unlikely by chance
        among the people who hold none of those before. `compared`: the people (person, place) that each is compared among.
        Breadth is beside all others, which are held at it.
        """
        named: list[int] = []
        left = np.ones(counts.got.size, bool)
        rows = self.acts.table[chosen % self._candidates].select("what", pl.coalesce("path", "value"))
        lies = [(what, "" if what == KINDS else f"{path} > ") for what, path in rows.iter_rows()]
        for place, test in enumerate(chosen):
            if any(_nested(lies[place], lies[before]) for before in named):
                continue
            if lies[place][0] == KINDS:
                named.append(place)
                continue
            if not left.all() and self._chance(
                counts, test, holds[:, place], left & compared[:, place]
            ) + log(chosen.size) > log(LEVEL):
                continue
            named.append(place)
            left &= ~holds[:, place]
            if len(named) == MOST:
                break
        return named

    def _chance(self, counts: Counts, test: int, holds: Array, among: Array) -> float:
        window, against = test // self._candidates, self.acts.held_against[test % self._candidates]
        cells = counts.got.astype(np.int64)
        if against >= 0:
            cells += 2 * counts.strata[window, against]
        people, holders = (
            np.bincount(cells[these], minlength=2 * STRATA).reshape(1, STRATA, 2)
            for these in (among, among & holds)
        )
        if against >= 0:
            return float(log_chance(*standardised(holders, people)[1], self._logs)[0])
        (others, got), (rest, among_got) = holders.sum(axis=(0, 1)), people.sum(axis=(0, 1))
        return float(log_chance(np.array([got]), among_got, np.array([others]), rest, self._logs)[0])

    def _rows(self, counts: Counts, tests: Array) -> pl.DataFrame:
        """What `tests` are, and how far apart the shares."""
        recipients, others = counts.recipients[tests], counts.others[tests]
        among, rest = self._sides(counts, tests)
        share, (_, _, _, many) = self._at_equal_breadth(counts, tests)
        at_breadth = self._against(tests) >= 0
        worth = np.where(at_breadth, many, rest)
        other = np.where(at_breadth, share, others / rest)
        low, high = ratio_interval(recipients, among, other * worth, worth)
        with np.errstate(divide="ignore"):
            lift = (recipients / among) / other
        days = np.array([window / _DAY for window in self._windows])[tests // self._candidates]
        half, others_half = counts.halves(tests)
        rows = self.acts.table[tests % self._candidates].with_columns(
            window_days=days, recipients=recipients, recipients_share=recipients / among,
            others=others, others_share=others / rest, others_alike=share, kinds=half, others_kinds=others_half,
            lift=lift, low=low, high=high,
        )  # fmt: skip
        finite = pl.col("lift", "low", "high")
        is_state = ~pl.col("what").is_in([*ACTS.values(), KINDS])
        is_kinds = pl.col("what") == KINDS
        return rows.with_columns(
            pl.when(finite.is_finite()).then(finite),
            pl.when(is_kinds).then(pl.col("kinds", "others_kinds")),
            others_alike=pl.when(pl.lit(pl.Series(at_breadth))).then("others_alike"),
            window_days=pl.when(~is_state).then("window_days"),
        )


def _nested(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether one of two candidates (what, path) is the other, or lies above it."""
    return one[0] == other[0] and (one[1].startswith(other[1]) or other[1].startswith(one[1]))
