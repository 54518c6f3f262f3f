"""The kernel on a fleet: `python -m tests.bench.bench_kernel [kernel|totals] [MESSAGES]`.

`kernel` (10 million messages): messages a second of the compiled code by five rules, beside a plain Python loop of
five rules over arrays in the same run, and of the whole replay with and without the frame of decisions. A first
compilation, if there is one, is printed apart. `totals` (30 million): `fleet.simulate` from Parquet beside only reading
its columns, and the most memory used.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from audit import coverage
from audit.campaigns import SCHEMA as CAMPAIGNS
from audit.context import Context
from audit.events import ORDER, SCHEMA, conform
from audit.facts import none
from audit.rules import fleet, prepare, replay
from audit.rules.files import loads
from audit.rules.scopes import RuleSet

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
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def kernel_bench(messages: int) -> None:
    """Print messages a second of the compiled code, of the whole, and of the plain loop."""
    started = time.perf_counter()
    from audit.rules.kernel import decode, encode, run

    print(f"import of numba and the kernel: {time.perf_counter() - started:.2f} s")
    rules, facts = RuleSet(loads(RULES)), none()
    small = made(5000).with_row_index("row")
    print(
        f"first call (compiles, or loads what was kept): {seconds(lambda: run.decide(prepare.sent(small), small, rules, facts)):.2f} s"
    )
    events = made(messages).with_row_index("row")
    started = time.perf_counter()
    standing = prepare.sent(events)
    number = standing.height
    print(f"messages out of events: {time.perf_counter() - started:.2f} s")
    started = time.perf_counter()
    problem = encode.problem(standing, events, rules, facts)
    print(f"as arrays: {time.perf_counter() - started:.2f} s")
    head = events.head(PLAIN // EACH * (EACH + 5))
    columns = [
        head.select(pl.col("customer_id").rle_id()).to_series().to_list(),
        head["occurred_at"].to_physical().to_list(),
        (head["kind"] == "order_completed").to_list(),
        head["campaign_id"].to_list(),
        head["category"].to_list(),
    ]
    plain, compiled = [], {False: [], True: []}
    for _ in range(5):
        plain.append(PLAIN / seconds(lambda: plain_loop(columns)))
        for foresees, speeds in compiled.items():
            speeds.append(
                number / seconds(lambda foresees=foresees: run.pass_over(problem, foresees=foresees))
            )
    speed = max(plain)
    print(f"plain Python loop: {speed / 1e6:.2f} million messages/s")
    few = events.head(20_000 // EACH * (EACH + 5))
    slow = 20_000 / seconds(lambda: replay.by_reference(prepare.sent(few), few, rules, facts))
    print(f"reference: {slow:,.0f} messages/s")
    for foresees, speeds in compiled.items():
        best = max(speeds)
        what = "and when each would pass" if foresees else "decisions, failing rules, counted"
        print(
            f"kernel, {number:,} messages, 5 rules ({what}): {best / 1e6:.1f} million/s, {best / speed:.0f} times the loop"
        )
    outcome = run.decide(standing, events, rules, facts)
    print(
        f"as the frame of decisions: {seconds(lambda: decode.frame(outcome, standing, events, rules)):.2f} s"
    )


def totals_bench(messages: int) -> None:
    """Print how long the totals take beside reading."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        share = min(messages, 5_000_000)
        parts = []
        for number in range(0, messages, share):
            prefix = pl.lit(f"c{number // share:03d}").alias("prefix")
            part = made(min(share, messages - number), seed=number).with_columns(
                pl.concat_str(prefix, "customer_id").alias("customer_id")
            )
            parts.append(path.with_suffix(f".{number // share:03d}.parquet"))
            part.write_parquet(parts[-1], row_group_size=256_000)
        del part
        scan = pl.concat([pl.scan_parquet(one) for one in parts])
        context = Context(
            at=datetime(2027, 1, 1, tzinfo=UTC), coverage=coverage.summarize(coverage.daily(conform(made(500)))),
            facts=none(), campaigns=pl.DataFrame(schema=CAMPAIGNS),
        )  # fmt: skip
        rules = loads(RULES)
        fleet.simulate(made(5000).lazy(), rules, context)

        def read() -> None:
            for _ in scan.select(fleet.COLUMNS).collect_batches(chunk_size=fleet.ROWS):
                pass

        reading = seconds(read)
        rows = scan.select(pl.len()).collect().item()
        print(f"reading the columns of {rows:,} events: {reading:.2f} s")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        totals: list[Any] = []
        took = seconds(lambda: totals.append(fleet.simulate(scan, rules, context).to_json()))
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"simulate: {took:.2f} s, {took / reading:.2f} times reading; {totals[0]['messages']:,} messages, "
              f"{totals[0]['stopped']:,} stopped; memory at most {most / 1e6:.2f} GB ({before / 1e6:.2f} before)")  # fmt: skip


def main() -> None:
    """Run the measurement that was asked for."""
    which = sys.argv[1] if len(sys.argv) > 1 else "kernel"
    number = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000_000 if which == "kernel" else 30_000_000
    (kernel_bench if which == "kernel" else totals_bench)(number)


if __name__ == "__main__":
    main()
