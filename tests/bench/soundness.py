"""Is every counterfactual sound and minimal? Answered by doing it, over many customers.

python -m tests.bench.soundness [--customers 1000] [--households 300] [--seed 11] [--part 1/4] [--once]

The thirteen scenes, a generated fleet, households of Complete Journey, and a few generated customers each whose mail log
does not say why (`--unsaid 30`), whose sender declares rules (`--declared 30`), among whom groups were learned (`--learned 30`): every message, segment, recommendation and finding of every customer is explained, and each counterfactual is
held against what is decided without it, with any one event of it put back, and with the event that would have ended it.
A share of those histories is decided by itself too (`--alone 0.02`), and a share of the explanations is made a second
time in another process, from the rows in another order (`--twice 0.1`; `--once`: none). `--part 1/4` takes the first of
four equal parts of each population; what is known beside events is counted over all of it.
"""

import argparse
import json
import resource
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import polars as pl

from audit import why
from audit.workspace.context import Context
from tests.bench import again, decided
from tests.bench.decided import EXPLAIN, Decision, Person, Variant
from tests.bench.populations import Population

AT_ONCE = 25
"""So many customers are looked at together."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a counterfactual says: in that history the decision is there, or it is gone."""

    person: Person
    decision: Decision
    variant: Variant
    there: bool

    def fault(self) -> str:
        """What is to be said if it is not so."""
        left_out = sorted(self.variant.left_out)
        with_it = f" with {self.variant.added}" if self.variant.added else ""
        found = "gone" if self.there else "there"
        return f"{self.person.customer} {self.decision}: {found} without {left_out}{with_it}"


@dataclass
class Tally:
    """What a run found; `faults` says what is not as it must be, `lacking` which derived decisions have no counterfactual."""

    seed: int = 0
    standings: Counter[tuple[str, str]] = field(default_factory=Counter)
    derived: Counter[str] = field(default_factory=Counter)
    proved: Counter[str] = field(default_factory=Counter)
    with_any: Counter[str] = field(default_factory=Counter)
    added: Counter[str] = field(default_factory=Counter)
    smallest: Counter[str] = field(default_factory=Counter)
    claims: Counter[str] = field(default_factory=Counter)
    digests: dict[again.Asked, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    customers: int = 0
    histories: int = 0
    alone: int = 0
    twice: int = 0
    crashes: int = 0
    slowest: float = 0.0

    def explain(self, person: Person, decision: Decision, most: int | None) -> Iterator[Claim]:
        """Explain one decision; what its counterfactual claims."""
        began = time.perf_counter()
        try:
            made = person.explained(decision)
        except Exception:  # noqa: BLE001 - a crash of any kind is what is counted
            self.crashes += 1
            self.faults.append(f"{person.customer} {decision}: {traceback.format_exc(limit=-1)}")
            return
        self.slowest = max(self.slowest, time.perf_counter() - began)
        self.digests[person.customer, decision] = again.digest(made)
        is_derived = made.standing == "derived" if decision[0] == "message" else decision in person.derived
        self._count(person, decision, made, is_derived=is_derived)
        if made.counterfactual is not None:
            yield from claims(person, decision, made.counterfactual, most)

    def _count(self, person: Person, decision: Decision, made: why.Explanation, *, is_derived: bool) -> None:
        type_, proof = decision[0], made.counterfactual
        self.standings[type_, made.standing] += 1
        self.derived[type_] += is_derived
        if proof is None:
            self.lacking += [f"{person.customer} {decision}"] if is_derived else []
            return
        self.proved[type_] += bool(proof.remove)
        self.added[type_] += bool(proof.add)
        self.with_any[type_] += bool(proof.remove or proof.add)
        self.smallest[type_] += proof.smallest
        if not is_derived:
            self.faults.append(f"{person.customer} {decision}: a counterfactual of what is not derived")

    def hold(self, asked: list[Claim], context: Context, alone: float) -> None:
        """Hold claims against what is decided of those histories, and a share of them against each history alone."""
        chance = Random(f"{self.seed} {self.customers}")
        for claim, there in answered(asked, context):
            self.claims[claim.decision[0]] += 1
            self.faults += [claim.fault()] if there != claim.there else []
            if claim.decision[0] != "message" and chance.random() < alone:
                self.alone += 1
                same = claim.person.is_there(claim.decision, claim.variant) == there
                self.faults += [] if same else [f"{claim.fault()} (alone it is otherwise than among others)"]
        self.histories += len(
            {(id(one.person), one.person.asks(one.decision)[0], one.variant) for one in asked}
        )

    def shown(self, title: str) -> str:
        """What was found, in a few lines."""
        return "\n".join(
            [
                f"\n{title}: {self.customers} customers, slowest answer {self.slowest * 1000:.0f} ms",
                *(self._shown(type_) for type_ in EXPLAIN),
                f"  histories decided {self.histories}, alone too {self.alone}",
                f"  answered twice {self.twice} of {len(self.digests)}, crashes {self.crashes}, faults {len(self.faults)}",
                *(f"    {line}" for line in self.faults[:20]),
                *(f"    no counterfactual: {line}" for line in self.lacking[:20]),
            ]
        )

    def _shown(self, type_: str) -> str:
        derived = self.derived[type_]
        by_standing = {which: n for (of, which), n in sorted(self.standings.items()) if of == type_}
        return (
            f"  {type_:8} {by_standing} · derived {derived} · with a removal {self.proved[type_]}"
            f" · with an addition {self.added[type_]} · smallest {self.smallest[type_]}"
            f" · claims held {self.claims[type_]}"
            + (f" · of derived {self.with_any[type_] / derived:.2%}" if derived else "")
        )

    def repeat(self, population: Population, share: float) -> None:
        """Hold a share of the answers against those made a second time."""
        chosen = [one for one in self.digests if Random(f"{self.seed} {one}").random() < share]
        second = again.digests(population, chosen) if chosen else []
        self.twice = len(chosen)
        for asked, other in zip(chosen, second, strict=True):
            self.faults += [f"{asked}: two answers"] if self.digests[asked] != other else []


def claims(
    person: Person, decision: Decision, proof: why.Counterfactual, most: int | None = None
) -> Iterator[Claim]:
    """Gone without all of it, there with any one event put back, gone had the event happened that would have ended it.

    `most`: so many of its events are put back, chosen at random; all, if None.
    """
    removed = frozenset(proof.remove)
    if removed:
        yield Claim(person, decision, Variant(removed), there=False)
    chosen = list(proof.remove)
    if most is not None:
        chosen = Random(len(chosen)).sample(chosen, min(most, len(chosen)))
    for event in chosen:
        yield Claim(person, decision, Variant(removed - {event}), there=True)
    for event in proof.add:
        yield Claim(person, decision, Variant(added=json.dumps(event)), there=False)


def answered(asked: list[Claim], context: Context) -> Iterator[tuple[Claim, bool]]:
    """Each claim with whether the decision is there; messages are decided one by one, all else many at a time."""
    wanted: Mapping[str, dict[tuple[str, Variant], Person]] = defaultdict(dict)
    for claim in asked:
        if claim.decision[0] == "message":
            yield claim, claim.person.is_there(claim.decision, claim.variant)
        else:
            what = claim.person.asks(claim.decision)[0]
            wanted[what][claim.person.customer, claim.variant] = claim.person
    found = {
        (what, customer, variant): keys
        for what, histories in wanted.items()
        for customer, variant, keys in decided.of_all(
            what, ((person, variant) for (_, variant), person in histories.items()), context
        )
    }
    for claim in asked:
        if claim.decision[0] != "message":
            what, key = claim.person.asks(claim.decision)
            yield claim, key in found[what, claim.person.customer, claim.variant]


def run(population: Population, *, most: int | None = None, alone: float = 0.02, twice: float = 0.1) -> Tally:
    """Explain and hold against everything that was decided of these customers."""
    events, context = population.made()
    tally = Tally(seed=population.seed)
    everybody = events["customer_id"].unique(maintain_order=True)
    for first in range(0, everybody.len(), AT_ONCE):
        several = events.filter(pl.col("customer_id").is_in(everybody[first : first + AT_ONCE].implode()))
        persons = list(decided.people(several, context))
        tally.customers += len(persons)
        asked = [
            claim
            for person in persons
            for decision in person.decisions
            for claim in tally.explain(person, decision, most)
        ]
        tally.hold(asked, context, alone)
        print(tally.shown(f"{population.name} so far"), file=sys.stderr, flush=True)
    tally.repeat(population, twice)
    return tally


def _asked() -> Any:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--scenes", type=int, default=1)
    asked.add_argument("--customers", type=int, default=1000)
    for name in ("unsaid", "declared", "learned"):
        asked.add_argument(f"--{name}", type=int, default=30)
    asked.add_argument("--households", type=int, default=300)
    asked.add_argument("--seed", type=int, default=11)
    asked.add_argument("--part", default="1/1", type=lambda text: tuple(map(int, text.split("/"))))
    asked.add_argument("--alone", type=float, default=0.02)
    asked.add_argument("--twice", type=float, default=0.1)
    asked.add_argument("--once", action="store_true")
    return asked.parse_args()


def main() -> None:
    """Run over all populations."""
    given = _asked()
    sizes = {
        "scenes": given.scenes,
        "fleet": given.customers,
        "unsaid": given.unsaid,
        "declared": given.declared,
        "learned": given.learned,
        "households": given.households,
    }
    failed = 0
    for name, size in sizes.items():
        if size:
            began = _computing()
            population = Population(name, size, given.seed, given.part)
            tally = run(population, alone=given.alone, twice=0 if given.once else given.twice)
            print(tally.shown(f"{name} {given.part[0]}/{given.part[1]}"))
            print(f"  {_computing() - began:.0f} s of computing", flush=True)
            failed += len(tally.faults)
    raise SystemExit(failed > 0)


def _computing() -> float:
    """Seconds of processor time of this process and those it started."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


if __name__ == "__main__":
    main()
