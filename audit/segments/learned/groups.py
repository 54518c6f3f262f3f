"""Which learned group a customer is nearest to, when that changes, and why this one and not the next."""

from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from audit.segments.learned import features
from audit.segments.learned.model import Groups

if TYPE_CHECKING:
    import numpy as np

    from audit.segments.model import Condition
    from audit.segments.select import Selected

_TOLD = 3
"""How many features a sentence names; the first are those that decide most."""


EXPLAINED: dict[str, pl.DataType] = {
    "person": pl.UInt32(), "feature": pl.List(pl.UInt32()), "why": pl.String(),
}  # fmt: skip
"""The columns of `explained`."""


def contributed(selected: "Selected", groups: Groups) -> pl.DataFrame:
    """When each customer is nearest to which group, in the columns of contributions (see `spells`)."""
    import numpy as np

    numbers = features.over_time(selected, groups.id, groups.features)
    nearest = features.distances(numbers.raw, groups).argmin(axis=1) if len(numbers.raw) else np.zeros(0, int)
    known = numbers.raw.sum(axis=1) >= groups.least
    names = pl.Series("group", np.asarray(groups.names, dtype=object)[nearest].tolist(), pl.String)
    told = numbers.at.with_columns(names, pl.Series("known", known)).with_columns(
        pl.when("known").then("group").alias("group")
    )
    before = pl.col("group").shift(1).over("person")
    turns = told.filter(pl.col("group").ne_missing(before) | (pl.col("person").rle_id().diff() != 0))
    following = pl.col("time").shift(-1).over("person")
    return (
        turns.with_columns(following.alias("leave"))
        .drop_nulls("group")
        .select(
            "person",
            "group",
            pl.col("time").alias("enter"),
            "leave",
            pl.lit(1, pl.Int64).alias("weight"),
            pl.lit(0, pl.Int64).alias("part"),
        )
    )


def explained(selected: "Selected", groups: Groups, at: datetime) -> pl.DataFrame:
    """Why each customer is nearest to their group at `at`: `person, feature` (deciding ones), `why` (a sentence)."""
    if (groups.id, at) not in selected.told_of_groups:
        selected.told_of_groups[groups.id, at] = _explained(selected, groups, at)
    return selected.told_of_groups[groups.id, at]


def _explained(selected: "Selected", groups: Groups, at: datetime) -> pl.DataFrame:
    import numpy as np

    people, raw = features.at_moment(features.over_time(selected, groups.id, groups.features), at)
    if people.is_empty():
        return pl.DataFrame(schema=EXPLAINED)
    order = np.argsort(features.distances(raw, groups), axis=1, kind="stable")
    made, centres = features.scaled(raw, groups), np.asarray(groups.centres)
    own, following = order[:, 0], order[:, min(1, order.shape[1] - 1)]
    margin = (made - centres[following]) ** 2 - (made - centres[own]) ** 2
    shown = features.plain(raw, groups.id, groups.features)
    middle = np.expm1(centres * np.asarray(groups.scale) + np.asarray(groups.mean))
    rows = [
        (
            person,
            *_said(groups, shown[n], margin[n], (middle[own[n]], middle[following[n]]), int(following[n])),
        )
        for n, person in enumerate(people["person"])
    ]
    return pl.DataFrame(rows, schema=EXPLAINED, orient="row")


def _said(
    groups: Groups,
    shown: "np.ndarray",
    margin: "np.ndarray",
    middles: tuple["np.ndarray", "np.ndarray"],
    following: int,
) -> tuple[list[int], str]:
    """The features that speak for this group against the next, and the sentence."""
    deciding = [int(n) for n in margin.argsort()[::-1] if margin[n] > 0]
    parts = []
    for n in deciding[:_TOLD]:
        compared = ""
        if not groups.unit:
            compared = f" (here about {middles[0][n]:,.0f}, there about {middles[1][n]:,.0f})"
        parts.append(f"{groups.features[n]}: {shown[n]:,.0f}{compared}")
    if len(groups.names) == 1 or not parts:
        return deciding, "it is the nearest"
    share = margin[deciding[:_TOLD]].sum() / margin[margin > 0].sum()
    return deciding, (
        f"nearer than to “{groups.names[following]}”, {share:.0%} of what speaks for it by "
        + "; ".join(parts)
    )


def rows(selected: "Selected", groups: Groups, at: datetime) -> pl.DataFrame:
    """The events behind the features that decide, inside their windows at `at`: `row, person, why`."""
    told = explained(selected, groups, at)
    deciding = told.explode("feature", empty_as_null=False)
    found = [
        _inside(selected, asked, at).join(deciding.filter(pl.col("feature") == number), on="person")
        if name is None
        else _inside(selected, asked, at)
        .filter(pl.col("group") == name)
        .join(deciding.filter(pl.col("feature") == number), on="person")
        for number, asked, name in _asked(groups)
    ]
    return pl.concat(one.select("row", "person", "why") for one in found).unique("row").sort("row")


def _asked(groups: Groups) -> "list[tuple[int, Condition, str | None]]":
    if groups.id == "alike":
        return [(number, features.buying(), name) for number, name in enumerate(groups.features)]
    return [(number, features.behaviour()[name], None) for number, name in enumerate(groups.features)]


def _inside(selected: "Selected", asked: "Condition", at: datetime) -> pl.DataFrame:
    made = selected.grouped(asked)
    return made if asked.window is None else made.filter(pl.col("occurred_at") > at - asked.window)
