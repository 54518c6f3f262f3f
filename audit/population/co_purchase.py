"""What is bought together, counted and held against chance: in people, or in orders."""

from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import polars as pl
from msgspec import Struct

from audit.storage import toml_input


class Limits(Struct, frozen=True):
    """Which pairs are more than chance gives and may be told; `pairs.toml` says why."""

    customers: int
    together: int
    errors: float
    times: float


@cache
def limits() -> Limits:
    """The numbers as the file has them."""
    return toml_input.convert(toml_input.shipped("audit.population", "pairs.toml"), Limits)


KEEP = 50
"""House value: the best others kept of each item; a strip shows five to twenty of them."""

MOST_ITEMS = 400
"""House value: items of one customer or order that take part in pairs, those bought on most days first. Pairs grow with
its square: a reseller with thousands of items would otherwise cost more than everybody else together. With 200 the
strip finds a few in a hundred fewer of the things that households of Complete Journey buy later. Which pairs are kept
goes by these; how many have both is then counted over everything."""

PAIRS: dict[str, pl.DataType] = {
    "item_id": pl.String(), "other_id": pl.String(), "together": pl.UInt32(),
    "expected": pl.Float64(), "score": pl.Float64(), "people": pl.UInt32(),
}  # fmt: skip
"""`together`: how many people (or orders) have both; `expected`: how many would by chance; `score`: see `_best`;
`people`: how many people have both, in one order of theirs where orders are counted."""

_COUNTED = pl.Schema(dict.fromkeys(("item", "other", "together", "n", "n_other"), pl.UInt32()))

_PAIRS_AT_ONCE = 8_000_000
"""Pairs counted at a time: about 100 MB."""

_RECOUNTED_AT_ONCE = 2_000
"""Pairs counted again at a time: with twenty times as many it takes twice as long."""


def none() -> pl.DataFrame:
    """No pairs."""
    return pl.DataFrame(schema=PAIRS)


def of_people(lines: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """What people who bought an item bought too, at any time, in the columns of `PAIRS`, the best first within an item.

    `lines`: `audit.population.purchase_lines`; `items`: `item_id, customers`, sorted, everything
    anybody bought. Among items that enough people bought (`limits`), `MOST_ITEMS` of one customer; pairs that enough people bought
    and that are more than chance gives are kept, `KEEP` of an item, and counted over all items. Time grows with the sum of the squares of
    items a customer, memory with the bought items.
    """
    return _pairs_of(lines, items, pl.col("customer_id").to_physical())


def of_orders(lines: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """What lay in one order with an item: as `of_people`, counted in orders.

    A row without an order_id is an order by itself and says nothing about pairs.
    """
    return _pairs_of(lines.filter("has_order_id"), items, pl.col("order"))


def _pairs_of(lines: pl.DataFrame, items: pl.DataFrame, unit: pl.Expr) -> pl.DataFrame:
    bought = _bought(lines, items, unit)
    if bought.is_empty():
        return none()
    units = lines.select(unit.n_unique()).item()
    best = pl.concat([_best(pairs, units) for pairs in _counted(bought.filter("taken"))])
    if not bought["taken"].all():
        best = _best(_with_left_out(best, bought), units)
    names = items.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("item"), "item_id")
    return (
        _with_people(best, bought)
        .join(names, on="item", maintain_order="left")
        .join(names.rename({"item": "other", "item_id": "other_id"}), on="other", maintain_order="left")
        .select(*PAIRS)
        .sort("item_id", maintain_order=True)
    )


def _bought(lines: pl.DataFrame, items: pl.DataFrame, unit: pl.Expr) -> pl.DataFrame:
    """What each unit holds, once: `unit, person, item` as the numbers that scipy reads as they are (`item`: row of `items`); `taken`:
    whether it takes part in pairs.
    """
    number = pl.int_range(pl.len(), dtype=pl.Int32).alias("item")
    numbers = items.select(pl.col("item_id").cast(lines.schema["item_id"]), number, "customers")
    return (
        lines.select(
            unit.rank("dense").cast(pl.Int32).alias("unit"),
            pl.col("customer_id").to_physical().rank("dense").cast(pl.Int32).alias("person"),
            "item_id",
            "occurred_at",
        )
        .join(numbers.filter(pl.col("customers") >= limits().customers), on="item_id")
        .group_by("unit", "item")
        .agg(pl.col("person").first(), pl.col("occurred_at").dt.date().n_unique().alias("days"))
        .sort("unit", "days", "item", descending=[False, True, False])
        .select("unit", "person", "item", taken=pl.int_range(pl.len()).over("unit") < MOST_ITEMS)
    )


def _counted(bought: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """How many units hold both, and each: `item, other, together, n, n_other`, some items at a time.

    It is the product of the table of what each unit holds with itself, which is sparse.
    """
    import numpy as np
    from scipy.sparse import csr_array

    holds = (bought["unit"].to_numpy(), bought["item"].to_numpy())
    by_unit = csr_array((np.ones(bought.height, np.int32), holds))
    by_item, units = by_unit.T.tocsr(), by_unit.sum(axis=0, dtype=np.int64)
    work = np.cumsum(by_item @ by_unit.sum(axis=1, dtype=np.int64))
    ends = np.searchsorted(work, np.arange(_PAIRS_AT_ONCE, work[-1], _PAIRS_AT_ONCE), side="right")
    edges = np.unique([0, *ends, work.size]).tolist()
    for begin, end in pairwise(edges):
        shared = (by_item[begin:end] @ by_unit).tocoo()
        enough = (shared.data >= limits().together) & (shared.row + begin != shared.col)
        item, partner = shared.row[enough] + begin, shared.col[enough]
        pairs = {"item": item, "other": partner, "together": shared.data[enough]}
        yield pl.DataFrame({**pairs, "n": units[item], "n_other": units[partner]}).cast(_COUNTED)


def _with_left_out(pairs: pl.DataFrame, bought: pl.DataFrame) -> pl.DataFrame:
    """`pairs` with the items that were left out of the count: only the units that hold such items are counted again."""
    import numpy as np
    from scipy.sparse import csr_array

    large = bought.filter((~pl.col("taken")).any().over("unit"))
    shape = bought.select((pl.col("item", "unit").max() + 1).cast(pl.Int64)).row(0)
    names = ("together", "n", "n_other")
    counts = pairs.select(pl.col(names).cast(pl.Int64)).to_numpy().copy()
    item, other = (pairs[name].to_numpy() for name in ("item", "other"))
    for held, sign in ((large, 1), (large.filter("taken"), -1)):
        places = (held["item"].to_numpy(), held["unit"].to_numpy())
        by_item = csr_array((np.ones(held.height, np.int32), places), shape)
        units = by_item.sum(axis=1, dtype=np.int64)
        for first in range(0, pairs.height, _RECOUNTED_AT_ONCE):
            part = slice(first, first + _RECOUNTED_AT_ONCE)
            both = by_item[item[part]].multiply(by_item[other[part]]).sum(axis=1)
            counts[part] += sign * np.stack([both, units[item[part]], units[other[part]]], axis=1)
    recounted = [pl.Series(name, counts[:, place]).cast(pl.UInt32) for place, name in enumerate(names)]
    return pairs.with_columns(recounted)


def _with_people(pairs: pl.DataFrame, bought: pl.DataFrame) -> pl.DataFrame:
    """`pairs` with how many `people` have both in one unit: as many as units have, where each is another person."""
    import numpy as np
    from scipy.sparse import csr_array

    if bought.select(pl.col("unit").n_unique() == pl.col("person").n_unique()).item():
        return pairs.with_columns(people="together")
    by_item = csr_array(
        (np.ones(bought.height, np.int32), (bought["item"].to_numpy(), bought["unit"].to_numpy()))
    )
    owners = bought.unique("unit")
    whose = np.ones(owners.height, np.int32), (owners["unit"].to_numpy(), owners["person"].to_numpy())
    of_unit = csr_array(whose, (by_item.shape[1], owners["person"].max() + 1))  # type: ignore[operator]
    item, other = pairs["item"].to_numpy(), pairs["other"].to_numpy()
    people = [
        np.diff((by_item[item[part]].multiply(by_item[other[part]]) @ of_unit).tocsr().indptr)
        for first in range(0, pairs.height, _RECOUNTED_AT_ONCE)
        for part in [slice(first, first + _RECOUNTED_AT_ONCE)]
    ]
    counts = np.concatenate([np.zeros(0, np.int64), *people])
    return pairs.with_columns(pl.Series("people", counts).cast(pl.UInt32))


def _best(pairs: pl.DataFrame, units: int) -> pl.DataFrame:
    """Hold pairs against chance, keep those that are more than it gives, the best of each item first.

    The score is the cosine of the two items' buyers, together / sqrt(n * n_other) (Linden, Smith and York, "Amazon.com
    Recommendations", IEEE Internet Computing 2003).
    """
    expected = pl.col("n").cast(pl.Float64) * pl.col("n_other") / units
    errors = (pl.col("together") - pl.col("expected")) / pl.col("expected").sqrt()
    cosine = pl.col("together") / (pl.col("n").cast(pl.Float64) * pl.col("n_other")).sqrt()
    return (
        pairs.with_columns(expected.alias("expected"))
        .filter(errors >= limits().errors, pl.col("together") >= limits().times * pl.col("expected"))
        .with_columns(cosine.alias("score"))
        .sort("item", "score", "together", "other", descending=[False, True, True, False])
        .filter(pl.int_range(pl.len()).over("item") < KEEP)
        .select(*_COUNTED, "expected", "score")
    )
