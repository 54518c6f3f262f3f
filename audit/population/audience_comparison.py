"""Who got each campaign, and what sets them apart from those who could have got it and did not.

Held against each other are the recipients, at the moment they were first sent it, and the others: customers with an event
before a comparable moment (they take the recipients' moments in turn), never sent it up to then or later, of the
recipients' countries, with no no to its channel, sender and list in force, and signed up for its list where every
recipient was. Candidates are acts within a window before that moment (a category at each level, an item, a search) and
states that hold at it (a segment, a value of the profile, among those who have that field, a list). A share of the recipients that is higher than chance
gives, corrected for there being so many candidates, sets them apart. Whether it does so too among people who do as many
different things (`proportions.standardised`) is told beside it.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from functools import cached_property
from math import log
from typing import Any

import numpy as np
import polars as pl

from audit.events.messages import said
from audit.events.vocabulary import OPT_INS, SCOPE, covers_expr, shares_topic_expr
from audit.population import audience, proportions
from audit.population.audience import APART, CAMPAIGNS, FEWEST, FIELD, WINDOWS, Audiences
from audit.population.candidate_acts import ACTS, NEVER, CandidateActs, Holdings
from audit.population.proportions import Array, holm, log_chance, log_factorials, ratio_interval

LEVEL = 0.01
"""House value: the chance that a campaign whose recipients were drawn by lot has anything named."""

MOST = 10
"""House value: so many things that set recipients apart are named, each for people who have none of those before it."""

LEAST_TIMES = (4, 3)
"""House value: what sets recipients apart four in as many of them have as three of the others; nothing that 75 % of these have."""

_EQUAL = 1e-9
"""Shares nearer to each other than this are the same."""

_CONSIDERED = 64
"""House value: among so many of the least likely ones is looked."""

_CELLS = 4_000_000
"""Numbers of so many campaigns and candidates are held at once."""

_ROWS = {name: dtype for name, dtype in APART.items() if name != "topic"} | {"path": pl.String()}
"""What is found out of each campaign by itself; the topics are looked up once for all."""

_BREADTH = {
    name: APART[name]
    for name in ("breadth_of", "breadth_days", "kinds", "others_kinds", "others_alike", "holds")
}

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
    groups = Groups(sent, people, events)
    with closing(CandidateActs(events, people, max(windows), least)) as acts:
        apart, counted = Comparison(groups, acts, sorted(windows), least).apart()
    campaigns = groups.campaigns.hstack(counted).select(*CAMPAIGNS)
    return Audiences(campaigns, audience.no_longer_than_known(apart, campaigns, events, ACTS))


class Groups:
    """Recipients and others of each campaign.

    `people`: `customer_id, first` (µs), `country`, sorted; `campaigns`: a row each, columns of `CAMPAIGNS` but what `Comparison.apart` counts.
    """

    def __init__(self, sent: pl.DataFrame, people: pl.DataFrame, events: pl.LazyFrame) -> None:
        number = people.select("customer_id", person=pl.int_range(pl.len(), dtype=pl.Int64))
        self._asked: dict[int, tuple[Array, Array]] = {}
        self._first = people["first"].to_numpy()
        codes = people.select(pl.col("country").rank("dense").fill_null(0)).to_series()
        self._countries = codes.cast(pl.Int64).to_numpy()  # 0 where it is not known
        columns = ("customer_id", "occurred_at", "event_id", "kind", "message_id", "machine", *SCOPE)
        choices = said(events.select(columns)).sort("occurred_at", "event_id")  # every no and yes to messages
        self._choices = choices.join(number, on="customer_id", maintain_order="left")
        self._sent = (
            sent.join(number, on="customer_id")
            .group_by("campaign", "person")
            .agg(pl.col("occurred_at").min().to_physical().alias("at"))
            .sort("campaign", "at", "person")
            .partition_by("campaign", as_dict=True)
        )
        common = (
            pl.col(name).drop_nulls().mode().sort().first() for name in ("channel", "sender", "list_id")
        )
        self.campaigns = (
            sent.group_by("campaign")
            .agg(
                pl.col("campaign_name").drop_nulls().last().alias("title"), *common,
                pl.col("topics").explode(empty_as_null=True).drop_nulls().unique().sort(),
                pl.col("occurred_at").min().alias("first"), pl.col("occurred_at").max().alias("last"),
            )
            .sort("campaign")
        )  # fmt: skip

    def sizes(self, campaign: int) -> tuple[int, int]:
        """How many recipients there are, and how many others."""
        moments, got = self.moments(campaign)
        return int(got.sum()), int(((moments != NEVER) & ~got).sum())

    def moments(self, campaign: int) -> tuple[Array, Array]:
        """The moment of each person in the comparison (µs; `NEVER` of all others), and who is a recipient.

        Those of the campaign asked for last are remembered.
        """
        if campaign not in self._asked:
            self._asked = {campaign: self._moments(self.campaigns.row(campaign, named=True))}
        return self._asked[campaign]

    def _moments(self, row: Mapping[str, Any]) -> tuple[Array, Array]:
        sent = self._sent[(row["campaign"],)]
        recipients, sent_at = sent["person"].to_numpy(), sent["at"].to_numpy()
        got = np.zeros(self._first.size, bool)
        got[recipients] = True
        moments = np.full(self._first.size, NEVER)
        others = np.flatnonzero(~got & self._same_country(recipients))
        moments[others] = np.resize(sent_at, others.size)
        moments[(self._first >= moments) | ~self._reachable(moments, recipients, sent_at, row)] = NEVER
        moments[recipients] = sent_at
        return moments, got

    def _same_country(self, recipients: Array) -> Array:
        """Who is, as far as known, of a country of the recipients."""
        same = np.zeros(self._countries.max(initial=0) + 1, bool)
        same[self._countries[recipients]] = True
        same[0] = True
        return same[self._countries] if same[1:].any() else np.ones(self._first.size, bool)

    def _reachable(self, moments: Array, recipients: Array, sent_at: Array, row: Mapping[str, Any]) -> Array:
        """Who had no no in force, and was on the list if every recipient was, as far as known."""
        bears = [covers_expr(name, pl.lit(row[name], pl.String)) for name in ("channel", "sender", "list_id")]
        topics = pl.lit(row["topics"], pl.List(pl.String))
        acts = self._choices.filter(*bears, shares_topic_expr("topics", topics))
        person, at = acts["person"].to_numpy(), acts["occurred_at"].to_physical().to_numpy()
        is_yes = acts["kind"].is_in(OPT_INS).to_numpy()
        asked = moments.copy()
        asked[recipients] = sent_at
        before = at < asked[person]
        said_no = np.zeros(moments.size, bool)
        said_no[person[before]] = ~is_yes[before]  # of a person's acts the last
        if row["list_id"] is None:
            return ~said_no
        joins = before & is_yes & (acts["list_id"] == row["list_id"]).fill_null(value=False).to_numpy()
        joined = np.zeros(moments.size, bool)
        joined[person[joins]] = True
        return ~said_no & joined if joined[recipients].all() else ~said_no


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
            at_once = max(_CELLS // max(self._candidates * len(self._windows), 1), 1)
        campaigns = range(self.groups.campaigns.height)
        found = [pl.DataFrame(schema=_ROWS)]
        counted: list[tuple[int, int, float]] = []
        for first in campaigns[::at_once]:
            some = campaigns[first : first + at_once]
            for campaign, counts in zip(some, self._counts(some), strict=True):
                rows, share = self._campaign(campaign, *counts)
                found.append(rows)
                counted.append((*self.groups.sizes(campaign), share))
        columns = {name: CAMPAIGNS[name] for name in ("recipients", "others", "explains")}
        apart = pl.concat(found).with_columns(topic=audience.topic_of_candidate()).select(*APART)
        return apart, pl.DataFrame(counted, schema=columns, orient="row")

    def _counts(self, campaigns: range) -> list[tuple[Array, Array]]:
        """Of each campaign how many recipients, and how many others, hold the candidate of each test."""
        counts = np.zeros((len(campaigns), len(self._windows), 2, self._candidates), np.int64)
        for held in self.acts.holdings():
            for number, campaign in enumerate(campaigns):
                pairs, before = self._before(held, campaign)
                got = self.groups.moments(campaign)[1]
                place = 2 * held.window(before, self._windows) + got[held.person[pairs]]
                cells = np.multiply(place, self._candidates, dtype=np.int64)
                cells += held.candidate[pairs]
                counts[number].ravel()[:] += np.bincount(cells, minlength=counts[number].size)
        counts.cumsum(axis=1, out=counts)
        return [(held_by[:, 1].ravel(), held_by[:, 0].ravel()) for held_by in counts]

    def _campaign(self, campaign: int, recipients: Array, others: Array) -> tuple[pl.DataFrame, float]:
        """What sets the recipients of one campaign apart."""
        row = self.groups.campaigns.row(campaign, named=True)
        sizes = self.groups.sizes(campaign)
        tested = np.flatnonzero(recipients + others >= self.least)
        tested = tested[self._testable[tested % self._candidates]]
        if not tested.size:
            return pl.DataFrame(schema=_ROWS), 0.0
        among, rest = (
            self._among(tested, counts, size)
            for counts, size in zip((recipients, others), sizes, strict=True)
        )
        enough = recipients[tested] >= self.least  # of all others the chance need not be known
        chances = log_chance(recipients[tested] * enough, among, others[tested], rest, self._logs)
        adjusted = holm(chances)
        apart = (adjusted <= LEVEL) & enough
        apart &= LEAST_TIMES[1] * recipients[tested] * rest >= LEAST_TIMES[0] * others[tested] * among
        apart[apart] = self._separates(tested[apart], recipients, others, tested.size)
        order = self._in_order(tested[apart], chances[apart])
        chosen, chance = tested[apart][order], adjusted[apart][order]
        if not chosen.size:
            return pl.DataFrame(schema=_ROWS), 0.0
        fields = self._fields(chosen)
        holds, places, ages, breadth = self._holders(campaign, np.append(chosen, fields[fields >= 0]))
        compared = np.repeat((self.groups.moments(campaign)[0] != NEVER)[:, None], chosen.size, axis=1)
        compared[:, fields >= 0] &= holds[:, chosen.size :]
        got = self.groups.moments(campaign)[1]
        named = self._pruned(chosen, holds, compared, got)
        median = np.array([np.median(ages[places == place]) / _DAY for place in named])
        tests = zip(chosen[named], holds.T[named], compared.T[named], strict=True)
        at_breadth = [self._at_breadth(campaign, *test, breadth) for test in tests]
        rows = (
            self._rows(chosen[named], (recipients, others), sizes)
            .with_columns(
                campaign=pl.lit(row["campaign"]), p_adjusted=chance[named], median_days_before=median
            )
            .hstack(pl.DataFrame(at_breadth, schema=_BREADTH, orient="row"))
        )
        share = float(holds[got][:, named].any(axis=1).mean())
        return pl.DataFrame(rows.select(*_ROWS), schema_overrides=_ROWS), share

    @cached_property
    def _testable(self) -> Array:
        """Which candidates are tested: to have a field at all is none."""
        return (self.acts.table["what"] != FIELD).to_numpy()

    def _fields(self, tests: Array) -> Array:
        """The test of having the field, of those of a value of the profile; else -1."""
        candidates = tests % self._candidates
        field = self.acts.field[candidates]
        return np.asarray(np.where(field < 0, field, tests - candidates + field))

    def _among(self, tests: Array, counts: Array, size: int) -> Array:
        """Among how many people each of `tests` is: of a value of the profile those who have the field."""
        fields = self._fields(tests)
        return np.asarray(np.where(fields < 0, size, counts[fields]))

    def _separates(self, tests: Array, recipients: Array, others: Array, among: int) -> Array:
        """Whether each of `tests` sets recipients apart among the people who hold what it lies under, as `among` many."""
        parent = self.acts.parent[tests % self._candidates]
        above = np.where(parent < 0, tests, tests - tests % self._candidates + parent)
        chance = log_chance(recipients[tests], recipients[above], others[tests], others[above], self._logs)
        return np.asarray((parent < 0) | (chance + log(among) <= log(LEVEL)))

    def _in_order(self, tests: Array, chances: Array) -> Array:
        """The least likely by chance first; of those alike the deepest category, an item after all of them."""
        depth = self.acts.table["level"][tests % self._candidates].fill_null(0).to_numpy()
        return np.lexsort((tests, -depth, chances))[:_CONSIDERED]

    def _holders(self, campaign: int, chosen: Array) -> tuple[Array, Array, Array, Array]:
        """Who holds each of `chosen` (person, place), the recipients' places and how long before (µs), and `CandidateActs.counted`."""
        moments, got = self.groups.moments(campaign)
        holds = np.zeros((moments.size, chosen.size), bool)
        breadth = np.zeros((len(self._windows), self.acts.kinds, moments.size), np.int64)
        places, ages = [], []
        asked = np.zeros(self._candidates, bool)
        asked[chosen % self._candidates] = True
        for held in self.acts.holdings():
            pairs, before = self._before(held, campaign)
            these = asked[held.candidate[pairs]]
            pairs, before = pairs[these], before[these]
            window, candidate = held.window(before, self._windows), held.candidate[pairs]
            order = np.argsort(candidate, kind="stable")
            begins = np.searchsorted(candidate, chosen % self._candidates, sorter=order)
            ends = np.searchsorted(candidate, chosen % self._candidates, "right", sorter=order)
            for place, test in enumerate(chosen):
                these = order[begins[place] : ends[place]]
                these = these[window[these] <= test // self._candidates]
                person = held.person[pairs[these]]
                holds[person, place] = True
                age = before[these][got[person]]
                places.append(np.full(age.size, place))
                ages.append(age)
            if held.by_thing is not None:
                breadth += self.acts.counted(held.by_thing, moments, self._windows)
        return holds, np.concatenate(places), np.concatenate(ages), breadth

    def _at_breadth(
        self, campaign: int, test: int, holds: Array, compared: Array, breadth: Array
    ) -> tuple[object, ...]:
        """The columns of `_BREADTH` of one test: who `holds` it of the people `compared`, and at how much `breadth`."""
        against = self.acts.held_against[test % self._candidates]
        if against < 0:
            return (None,) * len(_BREADTH)
        moments, got = self.groups.moments(campaign)
        window = test // self._candidates
        number = breadth[window, against]
        kinds, others_kinds = (proportions.half_of(number[who]) for who in (got, (moments != NEVER) & ~got))
        stratum = proportions.strata(number[got], number)
        of_recipients, share, counts = proportions.standardised(stratum, got, compared & holds, compared)
        a, among, b, worth = counts.reshape(4, 1)
        far = LEAST_TIMES[1] * of_recipients >= LEAST_TIMES[0] * share - _EQUAL
        enough, by_chance = worth[0] >= self.least, log_chance(a, among, b, worth, self._logs)[0] > log(LEVEL)
        holds_too = far if enough and (not by_chance if far else kinds > others_kinds) else None
        act, days = self.acts.kind(against), self._windows[window] / _DAY
        return act, days, kinds, others_kinds, share if enough else None, holds_too

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

    def _pruned(self, chosen: Array, holds: Array, compared: Array, got: Array) -> list[int]:
        """The places in `chosen` that say something of their own: not above or below one before, and still unlikely by chance
        among the people who hold none of those before. `compared`: the people (person, place) that each is compared among.
        """
        named: list[int] = []
        left = np.ones(got.size, bool)
        rows = self.acts.table[chosen % self._candidates].select("what", pl.coalesce("path", "value"))
        lies = [(what, f"{path} > ") for what, path in rows.iter_rows()]
        for place in range(chosen.size):
            if any(_nested(lies[place], lies[before]) for before in named):
                continue
            if named and self._chance(holds[:, place], left & compared[:, place], got) + log(
                chosen.size
            ) > log(LEVEL):
                continue
            named.append(place)
            left &= ~holds[:, place]
            if len(named) == MOST:
                break
        return named

    def _chance(self, holds: Array, among: Array, got: Array) -> float:
        recipients, others = among & got, among & ~got
        sides = (recipients & holds, recipients, others & holds, others)
        a, inside, b, outside = (np.array([people.sum()]) for people in sides)
        return float(log_chance(a, inside, b, outside, self._logs)[0])

    def _rows(self, tests: Array, counts: tuple[Array, Array], sizes: tuple[int, int]) -> pl.DataFrame:
        """What `tests` are, and how far apart the shares."""
        recipients, others = (count[tests] for count in counts)
        among, rest = (self._among(tests, count, size) for count, size in zip(counts, sizes, strict=True))
        low, high = ratio_interval(recipients, among, others, rest)
        with np.errstate(divide="ignore"):
            lift = (recipients / among) / (others / rest)
        days = np.array([window / _DAY for window in self._windows])[tests // self._candidates]
        rows = self.acts.table[tests % self._candidates].with_columns(
            window_days=days, recipients=recipients, recipients_share=recipients / among,
            others=others, others_share=others / rest, lift=lift, low=low, high=high,
        )  # fmt: skip
        finite = pl.col("lift", "low", "high")
        is_act = pl.col("what").is_in(list(ACTS.values()))
        return rows.with_columns(
            pl.when(finite.is_finite()).then(finite), pl.when(is_act).then("window_days")
        )


def _nested(one: tuple[str, str], other: tuple[str, str]) -> bool:
    """Whether one of two candidates (what, path) is the other, or lies above it."""
    return one[0] == other[0] and (one[1].startswith(other[1]) or other[1].startswith(one[1]))
