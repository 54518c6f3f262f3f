"""Groups of customers: the numbers they are told apart by, who is nearest to which and when, and why not to the next."""

from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from audit.segments.condition_parser import Location, read_condition
from audit.segments.contributions import CENTS, WHOLE, contributions
from audit.segments.event_selection import SelectedEvents
from audit.segments.model import Condition
from audit.segments.models import Groups
from audit.storage import toml_input

if TYPE_CHECKING:
    import numpy as np

_NAMED_FEATURES = 3
"""How many features a sentence names; the first are those that decide most."""

EXPLAINED: dict[str, pl.DataType] = {
    "person": pl.UInt32(), "feature": pl.List(pl.UInt32()), "why": pl.String(),
}  # fmt: skip
"""The columns of `explained`."""


class Numbers(NamedTuple):
    """`at`: `person, time`, sorted; `raw`: a row for each of them, a column for each feature."""

    at: pl.DataFrame
    raw: "np.ndarray"


@cache
def settings() -> dict[str, Any]:
    """What `features.toml` says."""
    return toml_input.shipped("audit.segments.models", "features.toml")


@cache
def behaviour() -> dict[str, Condition]:
    """Words → condition of each feature of `learned`."""
    location = Location("features.toml", "learned")
    rows = settings()["learned"]["feature"]
    return {
        row["words"]: read_condition(location, {key: row[key] for key in row if key != "words"})
        for row in rows
    }


@cache
def buying() -> Condition:
    """The condition of `alike`: one feature for each category."""
    return read_condition(Location("features.toml", "alike"), settings()["alike"]["feature"])


def kinds(model: str) -> tuple[str, ...]:
    """The kinds of events that a model looks at."""
    conditions = [buying()] if model == "alike" else list(behaviour().values())
    return tuple(sorted({kind for condition in conditions for kind in condition.events.kinds}))


def _by_feature(
    model: str, features: tuple[str, ...], rows_of: Callable[[Condition], pl.DataFrame]
) -> pl.DataFrame:
    """The rows that `rows_of` gives of the condition behind each feature, with `feature` (its number)."""
    if model == "alike":
        numbered = pl.DataFrame({"group": features}, schema={"group": pl.String}).with_row_index("feature")
        return rows_of(buying()).join(numbered, on="group", maintain_order="left")
    return pl.concat(
        rows_of(behaviour()[words]).with_columns(pl.lit(number, pl.UInt32).alias("feature"))
        for number, words in enumerate(features)
    )


def over_time(selected: SelectedEvents, model: str, features: tuple[str, ...]) -> Numbers:
    """The features of every customer from each moment of change on."""
    import numpy as np

    columns = ("person", "group", "enter", "leave", "weight")
    weights = _by_feature(
        model, features, lambda condition: contributions(selected, condition).select(columns)
    )
    enter = weights.select("person", "feature", time="enter", weight="weight")
    leave = weights.drop_nulls("leave").select("person", "feature", time="leave", weight=-pl.col("weight"))
    changes = pl.concat([enter, leave]).sort("person", "time")
    at = changes.select("person", "time").unique(maintain_order=True)
    row = changes.select(pl.struct("person", "time").rle_id()).to_series().to_numpy()
    raw = np.zeros((at.height, len(features)), dtype=np.int64)
    np.add.at(raw, (row, changes["feature"].to_numpy()), changes["weight"].to_numpy())
    return Numbers(at, _summed(raw, at["person"].to_numpy()))


def _summed(raw: "np.ndarray", person: "np.ndarray") -> "np.ndarray":
    """Sums over time, begun anew for each person."""
    import numpy as np

    total = np.cumsum(raw, axis=0)
    begins = np.flatnonzero(np.r_[True, person[1:] != person[:-1]]) if len(person) else np.zeros(0, int)
    before = np.vstack([np.zeros((1, raw.shape[1]), dtype=np.int64), total])[begins]
    sums: np.ndarray = total - np.repeat(before, np.diff(np.r_[begins, len(person)]), axis=0)
    return sums


def at_moment(numbers: Numbers, at: datetime) -> tuple[pl.DataFrame, "np.ndarray"]:
    """The newest numbers of each customer at `at`: `person, time`, and their rows."""
    until_then = numbers.at.with_row_index("row").filter(pl.col("time") <= at)
    newest = until_then.unique("person", keep="last", maintain_order=True)
    return newest.select("person", "time"), numbers.raw[newest["row"].to_numpy()]


def plain(raw: "np.ndarray", model: str, features: tuple[str, ...]) -> "np.ndarray":
    """Numbers as people read them: money in whole units."""
    import numpy as np

    money = [model == "learned" and behaviour()[name].test == "sum" for name in features]
    units: np.ndarray = raw / np.where(money, CENTS, 1)
    return units


def scaled(raw: "np.ndarray", groups: Groups) -> "np.ndarray":
    """Numbers as groups are told apart by them: logarithms, brought to one scale, or to one length."""
    import numpy as np

    logs = np.log1p(np.maximum(plain(raw, groups.id, groups.features), 0))
    standardised: np.ndarray = (logs - np.asarray(groups.mean)) / np.asarray(groups.scale)
    if not groups.unit:
        return standardised
    length = np.linalg.norm(standardised, axis=1, keepdims=True)
    unit_length: np.ndarray = standardised / np.where(length > 0, length, 1)
    return unit_length


def distances(raw: "np.ndarray", groups: Groups) -> "np.ndarray":
    """The squared distance of each row from each group's centre."""
    import numpy as np

    points = scaled(raw, groups)
    return np.stack([((points - centre) ** 2).sum(axis=1) for centre in np.asarray(groups.centres)], axis=1)


def group_contributions(selected: SelectedEvents, groups: Groups) -> pl.DataFrame:
    """When each customer is nearest to which group, in the columns of contributions."""
    import numpy as np

    numbers = selected.once(_numbers, groups)
    nearest = distances(numbers.raw, groups).argmin(axis=1) if len(numbers.raw) else np.zeros(0, int)
    names = pl.Series("group", np.asarray(groups.names, dtype=object)[nearest].tolist(), pl.String)
    active = pl.Series("active", numbers.raw.sum(axis=1) >= groups.least)
    grouped = numbers.at.with_columns(names, active).with_columns(
        pl.when("active").then("group").alias("group")
    )
    before = pl.col("group").shift(1).over("person")
    turns = grouped.filter(pl.col("group").ne_missing(before) | (pl.col("person").rle_id().diff() != 0))
    following = pl.col("time").shift(-1).over("person")
    return (
        turns.with_columns(following.alias("leave"))
        .drop_nulls("group")
        .select("person", "group", pl.col("time").alias("enter"), "leave", **WHOLE)
    )


def explained(selected: SelectedEvents, groups: Groups, at: datetime) -> pl.DataFrame:
    """Why each customer is nearest to their group at `at`: `person, feature` (deciding ones), `why` (a sentence)."""
    return selected.once(_explained, groups, at)


def _explained(selected: SelectedEvents, groups: Groups, at: datetime) -> pl.DataFrame:
    import numpy as np

    people, raw = at_moment(selected.once(_numbers, groups), at)
    if people.is_empty():
        return pl.DataFrame(schema=EXPLAINED)
    order = np.argsort(distances(raw, groups), axis=1, kind="stable")
    points, centres = scaled(raw, groups), np.asarray(groups.centres)
    nearest, next_nearest = order[:, 0], order[:, min(1, order.shape[1] - 1)]
    margin = (points - centres[next_nearest]) ** 2 - (points - centres[nearest]) ** 2
    strongest = np.argsort(margin, axis=1, kind="stable")[:, ::-1]
    point, rank = np.nonzero(np.take_along_axis(margin, strongest, axis=1) > 0)
    feature = strongest[point, rank]
    middle = np.expm1(centres * np.asarray(groups.scale) + np.asarray(groups.mean))
    deciding = pl.DataFrame(
        {
            "point": point.astype(np.uint32),
            "feature": feature.astype(np.uint32),
            "rank": rank,
            "margin": margin[point, feature],
            "amount": plain(raw, groups.id, groups.features)[point, feature],
            "here": middle[nearest[point], feature],
            "there": middle[next_nearest[point], feature],
        }
    )
    points_of = people.select("person", pl.Series("next", next_nearest.astype(np.uint32)))
    return _worded(groups, points_of.with_row_index("point"), deciding)


def _worded(groups: Groups, people: pl.DataFrame, deciding: pl.DataFrame) -> pl.DataFrame:
    """The features that speak for each group against the next, and the sentence: `EXPLAINED`.

    `people`: `point, person, next` (the next group's number); `deciding`: `point, feature, rank, margin, amount,
    here, there`, those that speak most for the group first.
    """
    name = pl.lit(pl.Series(groups.features)).gather(pl.col("feature"))
    parts = [name, pl.lit(": "), _whole("amount")]
    if not groups.unit:
        parts += [
            pl.lit(" (here about "),
            _whole("here"),
            pl.lit(", there about "),
            _whole("there"),
            pl.lit(")"),
        ]
    in_words = pl.col("rank") < _NAMED_FEATURES
    of_point = (
        deciding.with_columns(pl.concat_str(parts).alias("part"))
        .group_by("point", maintain_order=True)
        .agg(
            "feature",
            pl.col("part").filter(in_words).str.join("; "),
            (pl.col("margin").filter(in_words).sum() / pl.col("margin").sum() * 100).alias("share"),
        )
    )
    against_next = pl.format(
        "nearer than to “{}”, {}% of what speaks for it by {}",
        pl.lit(pl.Series(groups.names)).gather(pl.col("next")), _whole("share"), "part",
    )  # fmt: skip
    nothing = pl.lit([], pl.List(pl.UInt32))
    alone = pl.lit(len(groups.names) == 1) | pl.col("part").is_null()
    return people.join(of_point, on="point", how="left", maintain_order="left").select(
        "person",
        pl.col("feature").fill_null(nothing),
        pl.when(alone).then(pl.lit("it is the nearest")).otherwise(against_next).alias("why"),
    )


def _whole(column: str) -> pl.Expr:
    """A number without its fraction, its thousands apart."""
    whole = pl.col(column).round().cast(pl.Int64)
    digits = whole.abs().cast(pl.String).str.reverse()
    apart = digits.str.replace_all(r"(\d{3})", "$1,").str.strip_chars_end(",").str.reverse()
    return pl.concat_str(pl.when(whole < 0).then(pl.lit("-")).otherwise(pl.lit("")), apart)


def deciding_events(selected: SelectedEvents, groups: Groups, at: datetime) -> pl.DataFrame:
    """The events behind the features that decide, inside their windows at `at`: `row, person`."""
    deciding = explained(selected, groups, at).explode("feature", empty_as_null=False)
    counted = _inside_windows(selected, groups, at).join(deciding, on=("person", "feature"), how="semi")
    return counted.select("row", "person").unique("row").sort("row")


def counted_events(selected: SelectedEvents, groups: Groups, at: datetime) -> pl.DataFrame:
    """The events behind all features, inside their windows at `at`: `row, person`."""
    return _inside_windows(selected, groups, at).select("row", "person").unique("row").sort("row")


def _inside_windows(selected: SelectedEvents, groups: Groups, at: datetime) -> pl.DataFrame:
    """Each event with each feature (its number) that counts it at `at`: `row, person, feature`."""

    def inside(condition: Condition) -> pl.DataFrame:
        rows = selected.grouped(condition).select("row", "person", "group", "occurred_at")
        return (
            rows if condition.window is None else rows.filter(pl.col("occurred_at") > at - condition.window)
        )

    return _by_feature(groups.id, groups.features, inside)


def _numbers(selected: SelectedEvents, groups: Groups) -> Numbers:
    return over_time(selected, groups.id, groups.features)
