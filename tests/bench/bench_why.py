"""Milliseconds that `why` takes for every decision of a customer with 5,000 events, and of the largest real household.

python -m tests.bench.bench_why [--events 5000]

The worst and the middle answer by type of decision, after the history is loaded. Beside the time on the clock stands the
time this process spent computing, which other programs on the machine do not lengthen.
"""

import argparse
import time
from collections import defaultdict
from statistics import median

import polars as pl

from audit.events.schema import in_order
from fixtures.fleet import fleet
from tests.bench import journey
from tests.bench.decided import Person, people
from tests.bench.populations import mapped, of_journey

Spent = tuple[float, float, str]


def generated(size: int) -> Person:
    """What generated customers did, and what they were sent because of it, as one customer of `size` events.

    Letters to a list come to one person once, so those of one customer are kept, and nobody leaves.
    """
    many = fleet(max(size // 40, 2), seed=5).events
    letters = many.filter(pl.col("list_id").is_not_null(), pl.col("kind") == "message_sent")
    others = letters.filter(pl.col("customer_id") != many["customer_id"][0])
    many = many.join(
        others, on=["customer_id", "message_id"], how="anti", nulls_equal=False, maintain_order="left"
    )
    many = many.filter(pl.col("kind") != "unsubscribed")
    first = many.group_by("customer_id", maintain_order=True).len().with_columns(pl.col("len").cum_sum())
    kept = first.filter(pl.col("len") <= size)["customer_id"]
    merged = many.filter(pl.col("customer_id").is_in(kept.implode())).with_columns(
        pl.concat_str("customer_id", pl.lit("/"), "event_id").alias("event_id"),
        pl.when(pl.col("message_id").is_not_null())
        .then(pl.concat_str("customer_id", pl.lit("/"), "message_id"))
        .alias("message_id"),
        pl.lit("everybody").alias("customer_id"),
    )
    events, context = mapped(in_order(merged))
    return next(people(events, context))


def largest_household() -> Person:
    """The household of Complete Journey with the most events."""
    context = of_journey(1, 1)[1]
    everybody = journey.events()
    largest = everybody["customer_id"].value_counts(sort=True)["customer_id"][0]
    return next(people(everybody.filter(pl.col("customer_id") == largest), context))


def measured(person: Person, most: int) -> dict[str, list[Spent]]:
    """Seconds on the clock and of computing for each decision, by its type; of messages at most `most`."""
    spent: dict[str, list[Spent]] = defaultdict(list)
    case = person.case  # as on a screen, which shows what was decided before anybody asks why
    for type_, ident in person.decisions:
        if type_ == "message" and len(spent[type_]) >= most:
            continue
        clock, computing = time.perf_counter(), time.process_time()
        case.why(type_, ident)
        spent[type_].append((time.perf_counter() - clock, time.process_time() - computing, ident))
    return spent


def shown(title: str, person: Person, most: int) -> None:
    """Print one line a type of decision."""
    print(f"\n{title}: {person.events.height:,} events")
    print(f"  {'':8} {'decisions':>9} {'worst ms':>9} {'computing':>9} {'middle ms':>9}  which")
    for type_, spent in measured(person, most).items():
        worst = max(spent)
        print(
            f"  {type_:8} {len(spent):9} {worst[0] * 1000:9.0f} {max(one[1] for one in spent) * 1000:9.0f}"
            f" {median(one[0] for one in spent) * 1000:9.0f}  {worst[2]}"
        )


def main() -> None:
    """Both customers."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--events", type=int, default=5000)
    asked.add_argument("--messages", type=int, default=200)
    given = asked.parse_args()
    shown("generated customer", generated(given.events), given.messages)
    shown("largest household", largest_household(), given.messages)


if __name__ == "__main__":
    main()
