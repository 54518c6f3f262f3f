"""How long a list of events takes until it stands on the screen, how much memory, and a page down.

`python tests/bench/bench_table.py [ROWS ...]`; the built-in DataTable is measured beside it up to 10,000 rows. Every
measurement runs in a process of its own.
"""

import asyncio
import json
import resource
import subprocess
import sys
import time

SIZES = (10_000, 100_000, 1_000_000)
BUILT_IN_UP_TO = 10_000


def frame(rows):
    import polars as pl

    number = pl.int_range(rows, eager=True)
    start = pl.datetime(2025, 1, 1, time_zone="UTC")
    return pl.select(
        pl.format("e-{}", number).alias("key"),
        (start + pl.duration(seconds=number * 31)).alias("at"),
        pl.format("kind_{}", number % 7).alias("kind"),
        pl.format("c_{}", number % 5000).alias("customer"),
        pl.format("Subject line number {} of a long series", number).alias("what"),
        pl.format("campaign-{}", number % 40).alias("campaign"),
        (number % 9).alias("count"),
        pl.lit("email").alias("channel"),
    )


async def ours(rows):
    from textual.app import App

    from tui.rendering.wording import moment
    from tui.widgets.table import Table
    from tui.widgets.table_data import Column, Rows

    events = frame(rows)
    columns = (
        Column("at", "time", width=16, show=moment),
        *(Column(name, name) for name in ("kind", "customer", "campaign", "channel", "key")),
        Column("count", "n", width=3, right=True),
        Column("what", "what", flex=True),
    )

    class Bench(App):
        def compose(self):
            yield Table(id="table")

    app = Bench()
    async with app.run_test(size=(160, 50)) as pilot:
        table = app.query_one(Table)
        before, began = memory(), time.perf_counter()
        table.show(Rows(events, columns, "key"))
        await pilot.pause()
        shown = time.perf_counter() - began
        return {
            "shown_s": shown,
            **await pages(table, pilot, table.action_page_down),
            "table_MiB": memory() - before,
        }


async def built_in(rows):
    from textual.app import App
    from textual.widgets import DataTable

    events = frame(rows)

    class Bench(App):
        def compose(self):
            yield DataTable(cursor_type="row")

    app = Bench()
    async with app.run_test(size=(160, 50)) as pilot:
        table = app.query_one(DataTable)
        before, began = memory(), time.perf_counter()
        table.add_columns(*events.columns)
        for row in events.iter_rows():
            table.add_row(*row)
        await pilot.pause()
        shown = time.perf_counter() - began
        return {
            "shown_s": shown,
            **await pages(table, pilot, table.action_page_down),
            "table_MiB": memory() - before,
        }


async def pages(table, pilot, page_down, count=30):
    """The median time from a page down to the end of its drawing, and what an empty wait of the same kind takes."""
    table.focus()
    await pilot.pause()
    times, floor = [], []
    for _ in range(count):
        began = time.perf_counter()
        await pilot.pause()
        floor.append(time.perf_counter() - began)
        began = time.perf_counter()
        page_down()
        await pilot.pause()
        times.append(time.perf_counter() - began)
    return {"page_ms": 1000 * sorted(times)[count // 2], "floor_ms": 1000 * sorted(floor)[count // 2]}


def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(which, rows):
    made = asyncio.run({"ours": ours, "built-in": built_in}[which](rows))
    print(json.dumps({**made, "process_MiB": memory()}))


def main(sizes):
    print(f"{'table':>10} {'rows':>10} {'shown s':>9} {'page ms':>9} {'floor ms':>9} {'process MiB':>12}")
    for rows in sizes:
        for which in ("ours", "built-in") if rows <= BUILT_IN_UP_TO else ("ours",):
            out = subprocess.run(
                [sys.executable, __file__, "--one", which, str(rows)],
                capture_output=True,
                text=True,
                check=True,
            )
            made = json.loads(out.stdout)
            print(
                f"{which:>10} {rows:>10,} {made['shown_s']:>9.3f} {made['page_ms']:>9.1f} "
                f"{made['floor_ms']:>9.1f} {made['process_MiB']:>12.0f}"
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measure(sys.argv[2], int(sys.argv[3]))
    else:
        main([int(one) for one in sys.argv[1:]] or SIZES)
