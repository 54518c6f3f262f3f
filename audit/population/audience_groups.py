"""Who got each campaign, who could have got it and did not, and at what moment each of them is asked what they did."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl

from audit.events.messages import said
from audit.events.vocabulary import OPT_INS, SCOPE, covers_expr, shares_topic_expr
from audit.population.candidate_acts import NEVER
from audit.population.proportions import STRATA, Array, strata

FEWEST_KINDS = 2
"""House value: who has done things of so many kinds is broad, at least."""


def choices(events: pl.LazyFrame) -> pl.DataFrame:
    """Every no and yes to messages, in order; a complaint goes by the channel and sender of its message."""
    columns = ("customer_id", "occurred_at", "event_id", "kind", "message_id", "machine", *SCOPE)
    return said(events.select(columns)).sort("occurred_at", "event_id")


class Groups:
    """Recipients and others of each campaign.

    `people`: `customer_id, first` (µs), `country`, sorted; `campaigns`: a row each, columns of `CAMPAIGNS` but what the comparison counts.
    """

    def __init__(self, sent: pl.DataFrame, people: pl.DataFrame, choices: pl.DataFrame) -> None:
        number = people.select("customer_id", person=pl.int_range(pl.len(), dtype=pl.Int64))
        self._asked: dict[int, tuple[Array, Array]] = {}
        self._first = people["first"].to_numpy()
        codes = people.select(pl.col("country").rank("dense").fill_null(0)).to_series()
        self._countries = codes.cast(pl.Int64).to_numpy()  # 0 where it is not known
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


class Counts:
    """How many recipients, and how many others, of one campaign hold the candidate of each test, and how broad everybody is.

    `held` (window, whether recipients, candidate), where the candidates `breadths` are filled in; `breadth` (window, kind of act,
    person): of how many different kinds of things everybody's acts are.
    """

    def __init__(self, groups: Groups, campaign: int, held: Array, breadth: Array, breadths: Array) -> None:
        self.campaign, self.row = campaign, groups.campaigns.row(campaign, named=True)
        self.moments, self.got = groups.moments(campaign)
        self.sizes = groups.sizes(campaign)
        self._breadth, self._breadths, self._candidates = breadth, breadths, held.shape[-1]
        rest = (self.moments != NEVER) & ~self.got
        self._halves = np.stack([_half(breadth[..., these]) for these in (self.got, rest)], axis=-1)
        for got, these in enumerate((rest, self.got)):
            broad = (breadth[..., these] >= self._halves[..., :1]).sum(axis=-1)
            held[:, got, breadths] = np.where(self._halves[..., 0] >= FEWEST_KINDS, broad, 0)
        self.recipients, self.others = held[:, 1].ravel(), held[:, 0].ravel()
        self.tested: Array = np.zeros(0, np.int64)
        self.chances: Array = np.zeros(0)
        self.likely: Array = np.zeros(0, bool)
        self.numbered: Array = np.zeros(0, np.int64)

    def by_breadth(self, tests: Array) -> None:
        """Make ready to count `tests` by strata of breadth: `strata` (window, kind of act, person), `totals` of people in each, `held`."""
        self.numbered, self.held = tests, np.zeros((tests.size, STRATA, 2), np.int64)
        windows, kinds, _ = self._breadth.shape
        self.strata = np.zeros(self._breadth.shape, np.int8)
        self.totals = np.zeros((windows, max(kinds, 1), STRATA, 2), np.int64)
        part = self.moments != NEVER
        for window in range(windows):
            for kind in range(kinds):
                breadth = self._breadth[window, kind]
                self.strata[window, kind] = strata(breadth[self.got], breadth)
                cells = 2 * self.strata[window, kind].astype(np.int64) + self.got
                self.totals[window, kind] = np.bincount(cells[part], minlength=2 * STRATA).reshape(STRATA, 2)

    def by_test(self, tests: Array) -> Array:
        """Of `tests` the people by stratum; nobody of those that are not counted so."""
        held = np.concatenate([self.held, np.zeros((1, STRATA, 2), np.int64)])
        place = np.searchsorted(self.numbered, tests)
        known = np.append(self.numbered, -1)[place] == tests
        return np.asarray(held[np.where(known, place, self.numbered.size)])

    def halves(self, tests: Array) -> Array:
        """The breadth that half of the recipients have at least, and half of the others; 0 of tests of anything else."""
        halves = np.zeros((tests.size, 2), np.int64)
        for place, test in enumerate(tests):
            kind = np.flatnonzero(self._breadths == test % self._candidates)
            halves[place] = self._halves[test // self._candidates, kind].sum(axis=0)
        return halves.T

    def broad(self, test: int) -> Array:
        """Who is as broad as half of the recipients, by a test of breadth."""
        window, kind = test // self._candidates, np.flatnonzero(self._breadths == test % self._candidates)
        return np.asarray((self._breadth[window, kind] >= self._halves[window, kind, :1]).any(axis=0))


def _half(breadth: Array) -> Array:
    """The highest number that at least half of the people (last axis) have or exceed; 0 of nobody."""
    if not breadth.shape[-1]:
        return np.zeros(breadth.shape[:-1], np.int64)
    return np.asarray(np.sort(breadth, axis=-1)[..., breadth.shape[-1] // 2].astype(np.int64))
