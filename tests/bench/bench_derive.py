"""Seconds for facts, segments and strips over Complete Journey: 1,469,307 rows of 2,469 households.

python -m tests.bench.bench_derive
"""

import resource
import time
from collections.abc import Callable
from typing import Any

import polars as pl

from audit import recommendations, segments
from audit.population import stats
from tests.bench import journey
from tests.build import context


def timed(what: str, make: Callable[[], Any]) -> Any:
    """Run `make`, print how long it took."""
    start = time.perf_counter()
    made = make()
    print(f"{what:44} {time.perf_counter() - start:8.3f} s")
    return made


def main() -> None:
    """Print one line a step, then the largest memory the process held."""
    events = timed("read Complete Journey", journey.events)
    counted = timed("facts.count", lambda: stats.count(events.lazy()))
    ctx = context(events, facts=counted)
    found = timed("segments.derive, everybody", lambda: segments.derive(events, ctx))
    timed("segments.memberships, everybody", lambda: segments.memberships(events, ctx))
    timed("recommendations.placements, everybody", lambda: recommendations.placements(events, ctx))
    one = events.filter(
        pl.col("customer_id") == events["customer_id"].value_counts(sort=True)["customer_id"][0]
    )
    timed(f"segments.memberships, {one.height:,} events", lambda: segments.memberships(one, ctx))
    timed(f"recommendations.placements, {one.height:,} events", lambda: recommendations.placements(one, ctx))
    print(f"{events.height:,} events; {found.height:,} segments; {counted.also_bought.height:,} pairs kept")
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB at most")


if __name__ == "__main__":
    main()
