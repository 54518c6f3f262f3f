"""Is every day on which a decision is said to end the day on which it ends? Answered by doing it, over many customers.

python -m tests.bench.until [--scenes 1] [--fleet 100] [--unsaid 30] [--households 20] [--seed 11]

Everything that is decided of the thirteen scenes, of a generated fleet, of generated customers whose mail log does not
say why, and of households of Complete Journey is decided again just before the moment named and at it, with nothing new: it must be there, and gone. Of a message, one like it is
sent at both.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl

from audit import (
    findings,
    recommendations,
    segments,
    why,
)
from audit.why import Explanation
from audit.workspace.context import Context
from tests.bench import decided
from tests.bench.decided import Decision, Person
from tests.bench.populations import Population

SIZES = {"scenes": 1, "fleet": 100, "unsaid": 30, "households": 20}
"""How many customers of each population are looked at, unless asked otherwise."""

JUST = timedelta(microseconds=1)


def is_there(person: Person, decision: Decision, made: Explanation, at: datetime) -> bool:
    """Whether our definitions give it at `at`, with nothing new since the moment asked about."""
    type_, id_ = decision
    then = replace(person.context, at=at)
    if type_ == "segment":
        return id_ in set(segments.derive(person.events, then)["segment_id"])
    if type_ == "item":
        return id_ in set(recommendations.derive(person.events, then)["item_id"])
    return any(_given(person.events, then, made, step) for step in _steps(person, made))


def _steps(person: Person, made: Explanation) -> list[str | None]:
    """The steps that a message like this one can be: those of its flow where the log names them."""
    row = person.events.row(by_predicate=pl.col("event_id") == made.subject.id, named=True)
    names = [row["campaign_id"], row["campaign_name"]]
    flow = next((flow for flow in person.context.flows if set(names) & set(flow.campaigns)), None)
    return [None] if flow is None or row["series_step"] is None else [step.name for step in flow.steps]


def _given(events: pl.DataFrame, then: Context, made: Explanation, step: str | None) -> bool:
    """Whether a message like this one, sent at that moment, is given; where the sender states why, whether that fits."""
    like = events.filter(pl.col("event_id") == made.subject.id).with_columns(
        pl.lit(then.at).cast(events.schema["occurred_at"]).alias("occurred_at"),
        pl.lit("\U0010ffff-like-it").alias("event_id"),
        pl.lit("\U0010ffff-like-it").alias("message_id"),
        pl.lit(step, pl.String).alias("series_step"),
    )
    found = why.message(pl.concat([events, like]), then, "\U0010ffff-like-it")
    fits = any(one.facts and one.facts.fits == "yes" for one in found.because)
    return found.standing == "derived" or (found.standing == "stated" and fits)


def faults(person: Person, decision: Decision, made: Explanation) -> Iterator[str]:
    """What is not true of the end of one decision: `gone before`, `there at`."""
    until = made.until
    if until is None or until <= made.at:
        return
    if made.end.why != "at_latest" and not is_there(person, decision, made, until - JUST):
        yield f"{made.customer} {decision} {made.end.why}: gone before {until}"
    if is_there(person, decision, made, until):
        yield f"{made.customer} {decision} {made.end.why}: there at {until}"


def run(population: Population) -> tuple[Counter[tuple[str, str, str]], list[str]]:
    """How many decisions end how, by type and standing, and what is not true of them."""
    ends: Counter[tuple[str, str, str]] = Counter()
    wrong: list[str] = []
    for person in decided.people(*population.made()):
        for decision in person.decisions:
            made = person.explained(decision)
            ends[decision[0], made.standing, made.end.why] += 1
            if decision[0] == "finding":
                wrong += _of_finding(person, decision, made)
            else:
                wrong += faults(person, decision, made)
    return ends, wrong


def _of_finding(person: Person, decision: Decision, made: Explanation) -> list[str]:
    """A finding is of what happened: it is there in a hundred years."""
    later = replace(person.context, at=person.context.at + timedelta(days=36_500))
    there = findings.find(person.events, later, checks=[person.checks[decision[1]][0]])
    return [] if decision[1] in set(there["id"]) else [f"{made.customer} {decision}: gone by itself"]


def main() -> None:
    """Run over all populations."""
    asked = argparse.ArgumentParser(description=__doc__)
    for name, size in SIZES.items():
        asked.add_argument(f"--{name}", type=int, default=size)
    asked.add_argument("--seed", type=int, default=11)
    given: dict[str, int] = vars(asked.parse_args())
    failed = 0
    for name in (name for name in SIZES if given[name]):
        ends, wrong = run(Population(name, given[name], given["seed"]))
        print(f"\n{name}: {sum(ends.values()):,} decisions, {len(wrong)} that do not end as said")
        for (type_, standing, how), number in sorted(ends.items()):
            print(f"  {type_:8} {standing:12} {how:12} {number:,}")
        for fault in wrong[:20]:
            print("   ", fault)
        failed += len(wrong)
    raise SystemExit(failed > 0)


if __name__ == "__main__":
    main()
