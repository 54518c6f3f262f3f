"""Is every counterfactual sound and minimal? Answered by doing it, over many customers.

python -m tests.bench.soundness [--customers 1000] [--households 300] [--seed 11] [--once]

The thirteen scenes, a generated fleet and households of Complete Journey: every message, segment, recommendation and
finding of every customer is explained twice, and each counterfactual is held against what is decided without it and
with any one event of it put back. `--once` explains only once, which takes half the time.
"""

import argparse
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from random import Random
from typing import Any

import polars as pl

from audit import coverage, facts, findings, flows, recommend, segments, why
from audit.campaigns import SCHEMA, fill
from audit.context import Context
from audit.messages import sent_messages
from fixtures import demo_campaigns, demo_flows, scenes
from fixtures.fleet import fleet
from tests.bench import journey

Decision = tuple[str, str]
"""The type of what was decided (message, segment, item, finding) and its id."""

EXPLAIN = {
    "message": why.message,
    "segment": why.segment,
    "item": why.item,
    "finding": findings.finding,
}


@dataclass
class Person:
    """One customer's history, and what is decided of it without some of its events."""

    events: pl.DataFrame
    context: Context
    _decided: dict[tuple[str, frozenset[str]], frozenset[str]] = field(default_factory=dict)

    @cached_property
    def decisions(self) -> list[Decision]:
        """Everything that was decided of this customer, by whomever."""
        names = {
            "message": sent_messages(self.events)["event_id"],
            "segment": segments.memberships(self.events, self.context)["id"],
            "item": recommend.strips(self.events, self.context)["item_id"],
            "finding": findings.find(self.events, self.context)["id"],
        }
        return [(type_, id_) for type_ in EXPLAIN for id_ in names[type_].unique(maintain_order=True)]

    def explained(self, decision: Decision) -> why.Explanation:
        """Why it was decided."""
        return EXPLAIN[decision[0]](self.events, self.context, decision[1], names_sensitive=True)

    def is_there(self, decision: Decision, left_out: frozenset[str] = frozenset()) -> bool:
        """Whether our definitions still give it without the events `left_out`."""
        type_, id_ = decision
        rest = self.events.filter(~pl.col("event_id").is_in(list(left_out)))
        if type_ == "message":
            return why.message(rest, self.context, id_).standing == "derived"
        key = self.checks[id_] if type_ == "finding" else type_, left_out
        if key not in self._decided:
            self._decided[key] = frozenset(_listed(key[0], rest, self.context))
        return id_ in self._decided[key]

    def is_breach(self, decision: Decision) -> bool:
        """Whether it is a finding of a breach, which has no counterfactual."""
        return decision[1] in self.breaches

    @cached_property
    def breaches(self) -> frozenset[str]:
        """The ids of the findings that are breaches."""
        listed = findings.find(self.events, self.context)
        return frozenset(listed.filter(pl.col("verdict") == "breach")["id"])

    @cached_property
    def checks(self) -> dict[str, str]:
        """The check that found each finding."""
        return dict(findings.find(self.events, self.context).select("id", "check").rows())


def _listed(what: str, events: pl.DataFrame, context: Context) -> pl.Series:
    if what == "segment":
        return segments.memberships(events, context).filter("derived")["id"]
    if what == "item":
        return recommend.strips(events, context).filter("derived")["item_id"]
    return findings.find(events, context, checks=[what])["id"]


@dataclass
class Tally:
    """What a run found; `faults` says what is not as it must be."""

    standings: Counter[tuple[str, str]] = field(default_factory=Counter)
    derived: Counter[str] = field(default_factory=Counter)
    proved: Counter[str] = field(default_factory=Counter)
    added: Counter[str] = field(default_factory=Counter)
    smallest: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    crashes: int = 0
    slowest: float = 0.0
    most: int | None = None

    def take(self, person: Person, decision: Decision, *, twice: bool) -> None:
        """Explain one decision and hold its counterfactual against the world without it."""
        began = time.perf_counter()
        try:
            made = person.explained(decision)
            self.slowest = max(self.slowest, time.perf_counter() - began)
            if twice and person.explained(decision).to_json() != made.to_json():
                self.faults.append(f"{decision}: two answers")
        except Exception:  # noqa: BLE001 - a crash of any kind is what is counted
            self.crashes += 1
            self.faults.append(f"{decision}: {traceback.format_exc(limit=-1)}")
            return
        self.standings[decision[0], made.standing] += 1
        proof = made.counterfactual
        if person.is_there(decision) and not person.is_breach(decision):
            self.derived[decision[0]] += 1
            self.faults += (
                [] if proof and (proof.remove or proof.add) else [f"{made.customer} {decision}: none"]
            )
        if proof is not None:
            self.proved[decision[0]] += bool(proof.remove)
            self.added[decision[0]] += bool(proof.add)
            self.smallest[decision[0]] += proof.smallest
            self.faults += [
                f"{made.customer} {decision}: {fault}" for fault in faults(person, decision, proof)
            ]


def faults(
    person: Person, decision: Decision, proof: why.Counterfactual, most: int | None = None
) -> Iterator[str]:
    """What is not true of a counterfactual: `there without it`, `gone with X put back`.

    `most`: so many of its events are put back, chosen at random; all, if None.
    """
    removed = frozenset(proof.remove)
    if removed and person.is_there(decision, removed):
        yield f"there without {sorted(removed)}"
    chosen = list(proof.remove)
    if most is not None:
        chosen = Random(len(chosen)).sample(chosen, min(most, len(chosen)))
    for event in chosen:
        if not person.is_there(decision, removed - {event}):
            yield f"gone with {event} put back of {sorted(removed)}"


def people(events: pl.DataFrame, context: Context) -> Iterator[Person]:
    """Each customer of `events`."""
    for own in events.partition_by("customer_id", maintain_order=True):
        yield Person(own, context)


def of_scenes() -> tuple[pl.DataFrame, Context]:
    """The customers of the thirteen scenes and what is known beside their events."""
    return mapped(scenes.events())


def of_fleet(customers: int, seed: int) -> tuple[pl.DataFrame, Context]:
    """Generated customers, likewise."""
    return mapped(fleet(customers, seed).events)


def mapped(events: pl.DataFrame) -> tuple[pl.DataFrame, Context]:
    """Invented customers with the campaign map filled in, and what is known beside their events."""
    filled = fill(events.lazy(), demo_campaigns()).collect()
    known = _around(filled, demo_campaigns())
    return filled, replace(known, flows=flows.from_json(demo_flows()))


def of_journey(households: int, seed: int) -> tuple[pl.DataFrame, Context]:
    """Households of Complete Journey, chosen at random; what is known is counted over all of them."""
    events = journey.events()
    chosen = Random(seed).sample(sorted(events["customer_id"].unique()), households)
    around = _around(events, pl.DataFrame(schema=SCHEMA))
    return events.filter(pl.col("customer_id").is_in(chosen)), around


def _around(events: pl.DataFrame, campaigns: pl.DataFrame) -> Context:
    held = coverage.summarize(coverage.daily(events))
    return Context(events["occurred_at"].max(), replace(held, gaps=()), facts.count(events.lazy()), campaigns)


def run(events: pl.DataFrame, context: Context, *, twice: bool = True, most: int | None = None) -> Tally:
    """Explain and hold against everything that was decided of these customers."""
    tally = Tally(most=most)
    for person in people(events, context):
        for decision in person.decisions:
            tally.take(person, decision, twice=twice)
    return tally


def shown(title: str, tally: Tally, seconds: float) -> None:
    """Print what a run found."""
    print(f"\n{title}: {seconds:.0f} s, slowest answer {tally.slowest * 1000:.0f} ms")
    for type_ in EXPLAIN:
        derived, proved = tally.derived[type_], tally.proved[type_]
        by_standing = {which: n for (of, which), n in sorted(tally.standings.items()) if of == type_}
        print(
            f"  {type_:8} {by_standing} · our definitions give {derived} · with a removal {proved}"
            f" · with an addition {tally.added[type_]} · smallest {tally.smallest[type_]}"
            + (f" · of derived {proved / derived:.1%}" if derived else "")
        )
    print(f"  crashes {tally.crashes} · faults {len(tally.faults)}")
    for fault in tally.faults[:20]:
        print("   ", fault)


def main() -> None:
    """Run over all three populations."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--customers", type=int, default=1000)
    asked.add_argument("--households", type=int, default=300)
    asked.add_argument("--seed", type=int, default=11)
    asked.add_argument("--once", action="store_true")
    given: Any = asked.parse_args()
    populations = {
        "thirteen scenes": of_scenes,
        f"{given.customers} generated customers": lambda: of_fleet(given.customers, given.seed),
        f"{given.households} households": lambda: of_journey(given.households, given.seed),
    }
    failed = 0
    for title, made in populations.items():
        if title.startswith("0 "):
            continue
        events, context = made()
        began = time.perf_counter()
        tally = run(events, context, twice=not given.once)
        shown(title, tally, time.perf_counter() - began)
        failed += len(tally.faults)
    raise SystemExit(failed > 0)


if __name__ == "__main__":
    main()
