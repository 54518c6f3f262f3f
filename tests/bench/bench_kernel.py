"""The kernel on a fleet: `python -m tests.bench.bench_kernel [kernel|totals] [MESSAGES]`.

`kernel` (10 million messages): messages a second of the compiled code by five rules, beside a plain Python loop of
five rules over arrays in the same run, and of the whole replay with and without the frame of decisions. A first
compilation, if there is one, is printed apart. `totals` (30 million): `fleet.simulate` from Parquet beside only reading
with polars, out of the same files in the same run, the very columns that the rules and totals ask for, as texts; and beside
reading all those that a replay of any rules may read. It is run without numbers for texts, as the first replay of a
generation, which makes them, and as any later one; and the room that they take and the most memory used are told.
"""

import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from audit.events.schema import ORDER, SCHEMA, conform
from audit.flows.campaign_map import SCHEMA as CAMPAIGNS
from audit.population import coverage
from audit.population.stats import none
from audit.rules.files import loads
from audit.rules.reference import histories
from audit.rules.replay import event_pruning, fleet, simulation
from audit.rules.scopes import RuleSet
from audit.storage import event_store
from audit.workspace.context import Context

RULES = """
[[rule]]
id = "bought"
kind = "cooldown"
after = "order_completed"
same = "category"
window = "30d"
[[rule]]
id = "gap"
kind = "min_gap"
window = "4h"
[[rule]]
id = "week"
kind = "frequency_cap"
limit = 3
window = "7d"
[[rule]]
id = "campaign"
kind = "frequency_cap"
limit = 1
window = "1d"
per = ["campaign"]
[[rule]]
id = "day"
kind = "frequency_cap"
limit = 1
window = "1d"
window_kind = "calendar"
"""
EACH = 50
ALL = EACH + 5
PLAIN = 300_000
"""Messages of the plain loop, whose speed does not depend on their number."""


def made(messages: int, seed: int = 1) -> pl.DataFrame:
    """Fifty mails and five orders a customer over a year; each fifth mail opened, each tenth clicked, a few opt out."""
    dice = np.random.default_rng(seed)
    customers, rows = messages // EACH, messages // EACH * ALL
    at = np.sort(dice.integers(0, 365 * 86_400, (customers, ALL)), axis=1).reshape(-1)
    kinds = np.tile(np.arange(ALL) % 11 == 5, customers)

    def one_of(prefix: str, number: int) -> pl.Series:
        names = pl.Series([f"{prefix}{one}" for one in range(number)])
        return names.gather(pl.Series(dice.integers(0, number, rows), dtype=pl.UInt32))

    number = pl.int_range(rows, eager=True)
    frame = pl.DataFrame(
        {
            "event_id": pl.select(pl.lit("e") + number.cast(pl.String).str.zfill(9)).to_series(),
            "customer_id": pl.select(pl.lit("c") + (number // ALL).cast(pl.String).str.zfill(8)).to_series(),
            "occurred_at": pl.Series(at * 1_000_000 + 1_767_225_600_000_000).cast(SCHEMA["occurred_at"]),
            "kind": pl.Series(["message_sent", "order_completed"]).gather(pl.Series(kinds, dtype=pl.UInt32)),
            "message_id": pl.select(
                pl.when(pl.Series(~kinds)).then(pl.lit("m") + number.cast(pl.String))
            ).to_series(),
            "campaign_id": one_of("campaign-", 20),
            "category": one_of("A > ", 10),
        }
    )
    constants = {"channel": "email", "message_class": "marketing", "time_zone": "Europe/Berlin"}
    provider = one_of("provider-", 5)
    whole = frame.with_columns(
        pl.lit(value, SCHEMA[name]).alias(name) for name, value in constants.items()
    ).with_columns(provider.alias("mailbox_provider"))
    return conform(pl.concat([whole, *_responses(whole, dice)]).sort(ORDER))


def _responses(frame: pl.DataFrame, dice: np.random.Generator) -> list[pl.DataFrame]:
    """Opens, clicks, complaints and opt-outs within two days of their message, some of them by machines."""
    sent = frame.filter(pl.col("kind") == "message_sent")
    found = []
    for kind, every in (
        ("message_opened", 5), ("message_clicked", 10), ("message_complained", 5000), ("unsubscribed", 1000),
    ):  # fmt: skip
        picked = sent.gather_every(every)
        later = pl.Series(dice.integers(60, 2 * 86_400, picked.height)) * 1_000_000
        found.append(
            picked.with_columns(
                pl.concat_str("event_id", pl.lit(f"-{kind}")).alias("event_id"),
                pl.lit(kind).alias("kind"),
                (pl.col("occurred_at") + later.cast(pl.Duration("us"))).alias("occurred_at"),
            )
        )
    return found


def plain_loop(columns: list[list[Any]]) -> int:
    """The five rules in a plain Python loop over lists: which of them stop each message."""
    hour = 3_600_000_000
    decided, last = [], None
    for customer, at, order, campaign, category in zip(*columns, strict=True):
        if customer != last:
            last, bought, sent, of_campaign, days = customer, {}, [], {}, {}
        if order:
            bought[category] = at
            continue
        day = (at + 2 * hour) // (24 * hour)
        earlier = of_campaign.setdefault(campaign, [])
        failing = (at - bought.get(category, -1 << 62) < 720 * hour) + 2 * bool(
            sent and at - sent[-1] < 4 * hour
        )
        failing += 4 * (len(sent) > 2 and at - sent[-3] < 168 * hour)
        failing += 8 * bool(earlier and at - earlier[-1] < 24 * hour) + 16 * (days.get(day, 0) > 0)
        decided.append(failing)
        if failing:
            continue
        sent.append(at)
        earlier.append(at)
        days[day] = days.get(day, 0) + 1
    return len(decided)


def seconds(act: Callable[[], Any]) -> float:
    """How long it takes."""
    return measured(act)[0]


def measured(act: Callable[[], Any]) -> tuple[float, float]:
    """How long it takes, and how long processors work for it: on a busy machine only the second can be compared."""
    started, worked = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - started, time.process_time() - worked


def kernel_bench(messages: int) -> None:
    """Print messages a second of the compiled code, of the whole, and of the plain loop."""
    started = time.perf_counter()
    from audit.rules.kernel import (
        encode,
        outcomes,
        run,
    )
    from audit.rules.kernel import (
        totals as sums,
    )
    from audit.rules.kernel.encoded_events import EncodedEvents

    print(f"import of numba and the kernel: {time.perf_counter() - started:.2f} s")
    rules, facts = RuleSet(loads(RULES)), none()
    took, worked = measured(lambda: sums.fleet(made(5000), rules, facts))
    print(f"first call (compiles, or loads what was kept): {took:.2f} s ({worked:.2f} s of work)")
    events = EncodedEvents(made(messages), event_pruning.texts(rules.rules))
    started = time.perf_counter()
    row, _ = outcomes.messages(events)
    print(f"messages out of events, and what became of them: {time.perf_counter() - started:.2f} s")
    started = time.perf_counter()
    kernel_input = next(encode.Encoder(events, row, [rules], facts).encode())
    print(f"as arrays: {time.perf_counter() - started:.2f} s")
    speeds: dict[str, list[tuple[float, float]]] = {}
    columns = _lists(events.frame)
    for _ in range(5):
        for what, number, act in (
            ("plain Python loop", PLAIN, lambda: plain_loop(columns)),
            (
                f"kernel, {row.size:,} messages, 5 rules",
                row.size,
                lambda: run.run(kernel_input, detailed=False),
            ),
            ("the same, and when each would pass", row.size, lambda: run.run(kernel_input)),
        ):
            took, worked = measured(act)
            speeds.setdefault(what, []).append((number / took, number / worked))
    best = {what: [max(one) for one in zip(*found, strict=True)] for what, found in speeds.items()}
    plain = best["plain Python loop"]
    for what, (wall, work) in best.items():
        print(
            f"{what}: {wall / 1e6:.2f} million/s, {wall / plain[0]:.1f} times the loop; "
            f"a second of one core's work {work / 1e6:.2f} million, {work / plain[1]:.1f} times the loop"
        )
    few = events.frame.head(30_000)
    sent = histories.sent(few)
    slow = sent.height / seconds(lambda: simulation.decide(sent, few, rules, facts, compiled=False))
    print(f"reference: {slow:,.0f} messages/s")
    (part,) = sums.Part.each(events, [rules], facts, row=row, detailed=True)
    print(f"as the frame of decisions: {seconds(part.decisions):.2f} s")


def _lists(frame: pl.DataFrame) -> list[list[Any]]:
    """What the plain loop reads of its messages and their customers' orders."""
    head = frame.filter(pl.col("kind").is_in(["message_sent", "order_completed"])).head(PLAIN // EACH * ALL)
    return [
        head.select(pl.col("customer_id").rle_id()).to_series().to_list(),
        head["occurred_at"].to_physical().to_list(),
        (head["kind"] == "order_completed").to_list(),
        head["campaign_id"].to_list(),
        head["category"].to_list(),
    ]


SHARE = 1_000_000
"""Messages made at a time; a fleet of more holds the same histories again, of other customers."""


def stored(place: Path, messages: int) -> pl.LazyFrame:
    """So many messages as a workspace stores them."""
    share = min(messages, SHARE)
    part, segments = made(share), []
    for number in range(messages // share):
        name = pl.concat_str(pl.lit(f"c{number:03d}"), "customer_id").alias("customer_id")
        segments.append(event_store.write(place, part.with_columns(name)))
    return event_store.scan(place, segments)


def totals_bench(messages: int) -> None:
    """Print how long the totals take beside reading, three times in turn."""
    with tempfile.TemporaryDirectory() as folder:
        scan, place = stored(Path(folder), messages), Path(folder) / "numbers"
        context = Context(
            at=datetime(2027, 1, 1, tzinfo=UTC), coverage=coverage.summarize(coverage.daily(made(500))),
            facts=none(), campaigns=pl.DataFrame(schema=CAMPAIGNS),
        )  # fmt: skip
        rules, totals = loads(RULES), []

        def simulate(numbers: Path | None, some: pl.LazyFrame = scan) -> None:
            totals.append(fleet.simulate(some, rules, context, numbers=numbers).document().to_json())

        def read(columns: Sequence[str]) -> None:
            for _ in scan.select(columns).collect_batches(chunk_size=SHARE, maintain_order=True):
                pass

        rows = scan.select(pl.len()).collect().item()
        few = Path(folder) / "few"
        few.mkdir()
        for _ in range(2):
            simulate(few, scan.head(3_000_000))  # compiled, or loaded
        asked, row_by_row = event_pruning.columns(rules), event_pruning.by_row(rules)
        read(event_pruning.COLUMNS)
        print(
            f"{rows:,} events; memory before {_memory():.2f} GB; it reads {len(asked)} columns: {', '.join(asked)}; "
            f"with numbers for texts {', '.join(row_by_row)}"
        )
        totals.clear()
        for _ in range(3):
            readings = {
                f"its {len(asked)} columns": measured(partial(read, asked)),
                f"all {len(event_pruning.COLUMNS)} columns": measured(partial(read, event_pruning.COLUMNS)),
            }
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir()
            for what, numbers in (
                ("simulate without numbers", None),
                ("the first simulate, which makes them", place),
                ("simulate with them", place),
            ):
                _beside(what, measured(partial(simulate, numbers)), rows, readings)
            took, worked = measured(partial(read, row_by_row))
            print(f"reading {', '.join(row_by_row)} alone {took:.2f} s ({worked:.2f} s of work)")
        stored_bytes, kept_bytes = _size(Path(folder), "*.parquet"), _size(place, "**/*.parquet")
        print(f"on disk: events {stored_bytes / rows:.1f} bytes an event, numbers {kept_bytes / rows:.1f}")
        assert all(one == totals[0] for one in totals)
        print(
            f"{totals[0]['messages']:,} messages, {totals[0]['stopped']:,} stopped; memory at most {_memory():.2f} GB"
        )


def _beside(
    what: str, found: tuple[float, float], rows: int, readings: dict[str, tuple[float, float]]
) -> None:
    """Print how long something took, and how many times as long as reading."""
    took, worked = found
    print(f"{what} {took:.2f} s ({worked:.2f} s of work, {worked / rows * 1e9:.0f} ns an event)")
    for columns, (reading, read_work) in readings.items():
        print(
            f"  reading {columns} {reading:.2f} s ({read_work:.2f} s of work): {took / reading:.2f} times, "
            f"of work {worked / read_work:.2f} times"
        )


def _size(place: Path, pattern: str) -> int:
    return sum(file.stat().st_size for file in place.glob(pattern))


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    """Run the measurement that was asked for."""
    which = sys.argv[1] if len(sys.argv) > 1 else "kernel"
    number = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000_000 if which == "kernel" else 30_000_000
    (kernel_bench if which == "kernel" else totals_bench)(number)


if __name__ == "__main__":
    main()
