"""What is decided of whole customers, as they are and as they would be without some of their events.

Histories are decided many at a time: each is a copy under a name of its own. That a customer is decided among others as
alone is held by the tests of segments, strips and checks, and by a sample of every run of `tests.bench.soundness`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import polars as pl

from audit import (
    findings,
    recommendations,
    segments,
    why,
)
from audit.events.messages import sent_messages
from audit.events.schema import conform
from audit.events.times import parse_iso
from audit.queries.case import Case
from audit.workspace.context import Context
from tests.bench.populations import Population

Decision = tuple[str, str]
"""The type of what was decided (message, segment, item, finding) and its id."""

EXPLAIN = {
    "message": why.message,
    "segment": why.segment,
    "item": why.item,
    "finding": findings.finding,
}

ROWS_AT_ONCE = 250_000
"""Copies are decided in calls of about so many rows, so that memory stays bounded."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One customer's history without the events `left_out`, and with one that did not happen (`added`, as JSON)."""

    left_out: frozenset[str] = frozenset()
    added: str | None = None

    def of(self, events: pl.DataFrame) -> pl.DataFrame:
        """The history that is left of `events`."""
        rest = events.filter(~pl.col("event_id").is_in(list(self.left_out)))
        if self.added is None:
            return rest
        return pl.concat([rest, self.row(events["customer_id"][0])]).sort("occurred_at", "event_id")

    def row(self, customer: str) -> pl.DataFrame:
        """The added event as a row of that customer; no row, if none."""
        if self.added is None:
            return conform(pl.DataFrame())
        fields: dict[str, Any] = json.loads(self.added)
        fields |= {
            "customer_id": customer,
            "event_id": "~added",
            "occurred_at": parse_iso(fields["occurred_at"]),
        }
        return conform(pl.DataFrame([fields]))


@dataclass(frozen=True)
class Person:
    """One customer's history, and everything that was decided of them, by whomever.

    `derived`: what our definitions give and a counterfactual is due for, messages aside; `checks`: the check of each
    finding, and what tells it from the check's other findings.
    """

    events: pl.DataFrame
    context: Context
    decisions: tuple[Decision, ...]
    derived: frozenset[Decision]
    checks: Mapping[str, tuple[str, str]]

    @property
    def customer(self) -> str:
        """Whose history it is."""
        return str(self.events["customer_id"][0])

    @cached_property
    def case(self) -> Case:
        """The history with everything that was decided of it, as it lies behind a screen."""
        case = Case(self.customer, self.events, self.context)
        assert all(one.columns for one in (case.memberships, case.found, case.recommended.placements))
        return case

    def explained(self, decision: Decision) -> why.Explanation:
        """Why it was decided."""
        return self.case.why(*decision)

    def asks(self, decision: Decision) -> tuple[str, str]:
        """What to decide to see whether our definitions give it (segment, item or a check), and what to look for."""
        return self.checks[decision[1]] if decision[0] == "finding" else decision

    def is_there(self, decision: Decision, variant: Variant) -> bool:
        """Whether our definitions give it in that history, asked of the history alone and by its own id."""
        type_, id_ = decision
        rest = variant.of(self.events)
        if type_ == "message":
            return why.message(rest, self.context, id_).standing == "derived"
        if type_ == "finding":
            return id_ in findings.find(rest, self.context, checks=[self.checks[id_][0]])["id"]
        return id_ in given(type_, rest, self.context)["key"]


def people(events: pl.DataFrame, context: Context) -> Iterator[Person]:
    """Each customer of `events`; what was decided is asked of all of them at once."""
    found = findings.find(events, context)
    lists = {
        "message": sent_messages(events).select(
            "customer_id", "event_id", pl.lit(value=False).alias("derived")
        ),
        "segment": segments.memberships(events, context).select("customer_id", "id", "derived"),
        "item": recommendations.placements(events, context).select("customer_id", "item_id", "derived"),
        "finding": found.select("customer", "id", pl.col("verdict") != "breach"),
    }
    checks = found.select("id", "check", _told_by().alias("key"))
    rows = pl.concat(
        one.select(
            pl.nth(0).alias("customer_id"),
            pl.lit(type_).alias("type"),
            pl.nth(1).alias("id"),
            pl.nth(2).alias("derived"),
        )
        for type_, one in lists.items()
    )
    decided = rows.group_by("customer_id", "type", "id", maintain_order=True).agg(pl.col("derived").any())
    for own in events.partition_by("customer_id", maintain_order=True):
        mine = decided.filter(pl.col("customer_id") == own["customer_id"][0])
        theirs = checks.filter(pl.col("id").is_in(mine["id"].implode()))
        yield Person(
            own,
            context,
            tuple(mine.select("type", "id").rows()),
            frozenset(mine.filter("derived").select("type", "id").rows()),
            {id_: (check, key) for id_, check, key in theirs.rows()},
        )


@cache
def people_of(population: Population) -> tuple[Person, ...]:
    """The customers of a population; what is explained of them is worked out once for all who ask."""
    return tuple(people(*population.made()))


def given(what: str, events: pl.DataFrame, context: Context) -> pl.DataFrame:
    """What our definitions give: `customer_id, key`. `what`: segment or item (`key` is its id), or a check."""
    if what == "segment":
        return segments.memberships(events, context).filter("derived").select("customer_id", key="id")
    if what == "item":
        return (
            recommendations.placements(events, context).filter("derived").select("customer_id", key="item_id")
        )
    found = findings.find(events, context, checks=[what])
    return found.select(pl.col("customer").alias("customer_id"), _told_by().alias("key"))


def _told_by() -> pl.Expr:
    """What tells findings of one check apart; their ids name the customer, and copies have other names."""
    return pl.struct("case", "subject").struct.json_encode()


def of_all(
    what: str, asked: Iterable[tuple[Person, Variant]], context: Context
) -> Iterator[tuple[str, Variant, frozenset[str]]]:
    """The keys that our definitions give in each of these histories, with their customer and variant."""
    for several in _bounded(asked):
        found = dict(given(what, _copies(several), context).group_by("customer_id").agg("key").rows())
        for number, (person, variant) in enumerate(several):
            yield person.customer, variant, frozenset(found.get(_name(number), ()))


def _bounded(asked: Iterable[tuple[Person, Variant]]) -> Iterator[list[tuple[Person, Variant]]]:
    several: list[tuple[Person, Variant]] = []
    rows = 0
    for person, variant in asked:
        if several and rows + person.events.height > ROWS_AT_ONCE:
            yield several
            several, rows = [], 0
        several.append((person, variant))
        rows += person.events.height
    if several:
        yield several


def _copies(several: Sequence[tuple[Person, Variant]]) -> pl.DataFrame:
    """These histories as customers of one frame, in order."""
    made = [
        variant.of(person.events).with_columns(pl.lit(_name(number)).alias("customer_id"))
        for number, (person, variant) in enumerate(several)
    ]
    return pl.concat(made)


def _name(number: int) -> str:
    return f"copy-{number:06}"
