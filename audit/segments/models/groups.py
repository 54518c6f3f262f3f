"""Which learned group a customer is nearest to, when that changes, and why this one and not the next."""

from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from audit.segments.models import features
from audit.segments.models.model import Groups

if TYPE_CHECKING:
    from audit.segments.event_selection import Selected
    from audit.segments.model import Condition

_TOLD = 3
"""How many features a sentence names; the first are those that decide most."""


EXPLAINED: dict[str, pl.DataType] = {
    "person": pl.UInt32(), "feature": pl.List(pl.UInt32()), "why": pl.String(),
}  # fmt: skip
"""The columns of `explained`."""


def contributed(selected: "Selected", groups: Groups) -> pl.DataFrame:
    """When each customer is nearest to which group, in the columns of contributions (see `spells`)."""
    import numpy as np

    numbers = _numbers(selected, groups)
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

    people, raw = features.at_moment(_numbers(selected, groups), at)
    if people.is_empty():
        return pl.DataFrame(schema=EXPLAINED)
    order = np.argsort(features.distances(raw, groups), axis=1, kind="stable")
    made, centres = features.scaled(raw, groups), np.asarray(groups.centres)
    own, following = order[:, 0], order[:, min(1, order.shape[1] - 1)]
    margin = (made - centres[following]) ** 2 - (made - centres[own]) ** 2
    most = np.argsort(margin, axis=1, kind="stable")[:, ::-1]
    place, rank = np.nonzero(np.take_along_axis(margin, most, axis=1) > 0)
    feature = most[place, rank]
    middle = np.expm1(centres * np.asarray(groups.scale) + np.asarray(groups.mean))
    deciding = pl.DataFrame(
        {
            "place": place.astype(np.uint32),
            "feature": feature.astype(np.uint32),
            "rank": rank,
            "margin": margin[place, feature],
            "shown": features.plain(raw, groups.id, groups.features)[place, feature],
            "here": middle[own[place], feature],
            "there": middle[following[place], feature],
        }
    )
    nearest = people.select("person", pl.Series("following", following.astype(np.uint32))).with_row_index(
        "place"
    )
    return _said(groups, nearest, deciding)


def _said(groups: Groups, nearest: pl.DataFrame, deciding: pl.DataFrame) -> pl.DataFrame:
    """The features that speak for each group against the next, and the sentence: `EXPLAINED`.

    `nearest`: `place, person, following` (the next group's number); `deciding`: `place, feature, rank, margin, shown,
    here, there`, those that speak most for the group first.
    """
    named = pl.lit(pl.Series(groups.features)).gather(pl.col("feature"))
    parts = [named, pl.lit(": "), _whole("shown")]
    if not groups.unit:
        parts += [
            pl.lit(" (here about "),
            _whole("here"),
            pl.lit(", there about "),
            _whole("there"),
            pl.lit(")"),
        ]
    first = pl.col("rank") < _TOLD
    told = (
        deciding.with_columns(pl.concat_str(parts).alias("part"))
        .group_by("place", maintain_order=True)
        .agg(
            "feature",
            pl.col("part").filter(first).str.join("; "),
            (pl.col("margin").filter(first).sum() / pl.col("margin").sum() * 100).alias("share"),
        )
    )
    why = pl.format(
        "nearer than to “{}”, {}% of what speaks for it by {}",
        pl.lit(pl.Series(groups.names)).gather(pl.col("following")), _whole("share"), "part",
    )  # fmt: skip
    nothing = pl.lit([], pl.List(pl.UInt32))
    alone = pl.lit(len(groups.names) == 1) | pl.col("part").is_null()
    return nearest.join(told, on="place", how="left", maintain_order="left").select(
        "person",
        pl.col("feature").fill_null(nothing),
        pl.when(alone).then(pl.lit("it is the nearest")).otherwise(why).alias("why"),
    )


def _whole(column: str) -> pl.Expr:
    """A number without its fraction, its thousands apart."""
    whole = pl.col(column).round().cast(pl.Int64)
    digits = whole.abs().cast(pl.String).str.reverse()
    apart = digits.str.replace_all(r"(\d{3})", "$1,").str.strip_chars_end(",").str.reverse()
    return pl.concat_str(pl.when(whole < 0).then(pl.lit("-")).otherwise(pl.lit("")), apart)


def rows(selected: "Selected", groups: Groups, at: datetime) -> pl.DataFrame:
    """The events behind the features that decide, inside their windows at `at`: `row, person`."""
    deciding = explained(selected, groups, at).explode("feature", empty_as_null=False)
    behind = _counted(selected, groups, at).join(deciding, on=("person", "feature"), how="semi")
    return behind.select("row", "person").unique("row").sort("row")


def counted(selected: "Selected", groups: Groups, at: datetime) -> pl.DataFrame:
    """The events behind all features, inside their windows at `at`: `row, person`."""
    return _counted(selected, groups, at).select("row", "person").unique("row").sort("row")


def _counted(selected: "Selected", groups: Groups, at: datetime) -> pl.DataFrame:
    """Each event with each feature (its number) that counts it at `at`: `row, person, feature`."""
    if groups.id == "alike":
        named = pl.DataFrame({"group": groups.features}, schema={"group": pl.String}).with_row_index(
            "feature"
        )
        inside = _inside(selected, features.buying(), at).join(named, on="group", maintain_order="left")
        return inside.select("row", "person", "feature")
    return pl.concat(
        _inside(selected, features.behaviour()[name], at).select(
            "row", "person", pl.lit(number, pl.UInt32).alias("feature")
        )
        for number, name in enumerate(groups.features)
    )


def _numbers(selected: "Selected", groups: Groups) -> features.Numbers:
    if groups not in selected.numbers:
        selected.numbers[groups] = features.over_time(selected, groups.id, groups.features)
    return selected.numbers[groups]


def _inside(selected: "Selected", asked: "Condition", at: datetime) -> pl.DataFrame:
    made = selected.grouped(asked)
    return made if asked.window is None else made.filter(pl.col("occurred_at") > at - asked.window)
