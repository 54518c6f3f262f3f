"""What a learned segment rests on: the contributions, the events, and the reason in words."""

from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from audit.errors import WorkspaceError
from audit.segments.models import customer_lifetime_value, groups

if TYPE_CHECKING:
    from audit.segments.event_selection import Selected
    from audit.segments.model import Condition
    from audit.segments.models.model import Groups, Lifetime

_NEEDED = (
    "this workspace holds learned segments, which need more: pip install 'whysent[learned]', or take them away with "
    "`whysent segments learn --none`"
)


def contributed(
    selected: "Selected", condition: "Condition", only: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The contributions of a learned segment (see `spells`), of the persons in `only` where it is given.

    Raises WorkspaceError without the extra `learned`.
    """
    try:
        if condition.test == "lifetime":
            rows = selected.rows(condition.events)
            rows = rows if only is None else rows.join(only, on="person", how="semi", maintain_order="left")
            return customer_lifetime_value.contributed(_lifetime(selected), rows)
        return groups.contributed(selected, _groups(selected, condition))
    except ImportError as error:
        raise WorkspaceError(_NEEDED) from error


def worth_most(selected: "Selected", condition: "Condition", at: datetime) -> pl.Series:
    """Who is among the most worth at `at`. Raises WorkspaceError without the extra `learned`."""
    try:
        return customer_lifetime_value.present(_lifetime(selected), selected.rows(condition.events), at)
    except ImportError as error:
        raise WorkspaceError(_NEEDED) from error


def behind(selected: "Selected", condition: "Condition", at: datetime) -> pl.DataFrame:
    """The events that a learned segment rests on at `at`: `row, person`."""
    if condition.test == "lifetime":
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
        return selected.rows(condition.events).filter(pl.col("occurred_at") < midnight)
    return groups.rows(selected, _groups(selected, condition), at)


def passed_over(selected: "Selected", condition: "Condition", at: datetime) -> pl.DataFrame:
    """The events that a learned segment looks at and does not rest on at `at`, and why: `row, why`."""
    looked = selected.rows(condition.events)
    if condition.test == "lifetime":
        return looked.select("row", pl.lit("of today, which counts from tomorrow on").alias("why"))
    counted = groups.counted(selected, _groups(selected, condition), at)
    nothing = pl.lit("in none of the numbers that groups are told apart by: too long ago, or of another kind")
    return looked.select(
        "row",
        pl.when(pl.col("row").is_in(counted["row"].implode()))
        .then(pl.lit("counts to numbers that do not speak for this group more than for the next"))
        .otherwise(nothing)
        .alias("why"),
    )


def why(selected: "Selected", condition: "Condition", at: datetime) -> pl.DataFrame:
    """The reason in words, for each customer: `person, why`."""
    if condition.test == "lifetime":
        return customer_lifetime_value.explained(_lifetime(selected), selected.rows(condition.events), at)
    return groups.explained(selected, _groups(selected, condition), at).select("person", "why")


def _lifetime(selected: "Selected") -> "Lifetime":
    assert selected.models is not None
    assert selected.models.lifetime is not None
    return selected.models.lifetime


def _groups(selected: "Selected", condition: "Condition") -> "Groups":
    assert selected.models is not None
    found = selected.models.alike if (condition.model or "").startswith("alike@") else selected.models.learned
    assert found is not None
    return found
