"""What the form of a segment's definition says of its counterfactual, before anything is tried."""

from datetime import datetime

import polars as pl

from audit.segments.contributions import CENTS, contributions, fits, least, live, runs, says, unit
from audit.segments.event_selection import READ, SelectedEvents
from audit.segments.groups import carries
from audit.segments.logged import KINDS as LOGGED
from audit.segments.model import Condition, Definition
from audit.segments.transitions import HOLDS
from audit.why.minimal_removal import Plan
from audit.workspace.context import Context

_ANY_ONE = ("first", "absent", "open")
"""Tests that every single one of their events is enough for."""

_STANDING = ("open", "state")
"""Tests of which it is known what holds them up now, whatever else is left out."""

_WEIGHED = ("count", "sum")
"""Tests that add up what their events weigh."""


def readable(events: pl.DataFrame, *definitions: Definition) -> pl.DataFrame:
    """The rows and columns of `events` that the definitions can read."""
    conditions = [condition for definition in definitions for condition in definition.when]
    if any("daypart" in condition.by for condition in conditions):  # any row may say where the customer is
        return events.select(READ)
    kinds = {kind for condition in conditions for kind in (*condition.events.kinds, *condition.ends)}
    return events.filter(pl.col("kind").is_in([*kinds, *LOGGED])).select(READ)


def plans(events: pl.DataFrame, definition: Definition, group: str, context: Context) -> tuple[Plan, ...]:
    """How each condition of `definition` ends in `group`; none at all where only trying can tell.

    Of something that any one act is enough for, all acts have to go. Of what is counted or summed up, the heaviest go
    first, so that as few as possible go; of a share, those that make it. Where one condition is enough, whatever is
    enough for any has to go.
    """
    alternatives = definition.any_of and len(definition.when) > 1
    plannable = _STANDING if alternatives else (*_ANY_ONE, *_WEIGHED, "state", "share")
    if not all(condition.test in plannable for condition in definition.when):
        return ()
    selected = SelectedEvents(events, context.at, context.facts.prices, context.models)
    by_condition = tuple(_plan(selected, condition, group, context.at) for condition in definition.when)
    if not alternatives:
        return by_condition
    enough = dict.fromkeys(event for plan in by_condition for event in plan.order)
    return (Plan(tuple(enough), alone=True),)


def _plan(selected: SelectedEvents, condition: Condition, group: str, at: datetime) -> Plan:
    if condition.test == "open":
        return Plan(_ids(selected, contributions(selected, condition).filter(live(at))), alone=True)
    if condition.test == "state":  # the newest row stands, and so would each of the same run before it
        stated = says(selected.grouped(condition), condition)
        run = runs() if condition.by else (~fits(condition)).cum_sum()
        newest_run = stated.filter(run == run.max(), *([] if condition.by else [fits(condition)]))
        return Plan(_ids(selected, newest_run), alone=True)
    rows = selected.grouped(condition).filter(pl.col("group") == group)
    if condition.test in _ANY_ONE:
        return Plan(_ids(selected, rows), alone=True)
    if condition.window is not None:
        rows = rows.filter(pl.col("occurred_at") > at - condition.window)
    if condition.test == "share":
        return _of_share(selected, rows, condition)
    ordered = _lightest_first(rows, condition)
    return Plan(_ids(selected, ordered), alone=False, stay=_can_stay(ordered, condition))


def _of_share(selected: SelectedEvents, rows: pl.DataFrame, condition: Condition) -> Plan:
    """Of those that make the share as few as possible go; the others would only make it larger by going."""
    part = rows.filter(carries(condition.keys)).sort("row")
    stays = pl.DataFrame({"part": range(part.height + 1)}).with_columns(
        value=pl.col("part") + rows.height - part.height, least=least(condition), share=condition.share
    )
    stay = stays.filter(~HOLDS)["part"].max()
    assert isinstance(stay, int), "a share above 0 is not reached by nothing"
    return Plan(_ids(selected, part), alone=False, stay=stay)


def _can_stay(rows: pl.DataFrame, condition: Condition) -> int:
    """How many of `rows`, in this order, can stay without what they add reaching what the condition asks for."""
    if condition.test == "sum":
        worth = (pl.col("quantity").fill_null(1.0) * pl.col("price") * CENTS).round().cast(pl.Int64)
        short = rows.select((worth.cum_sum() < least(condition)).alias("short"))["short"]
        return int(short.arg_min() or 0) if not short.all() else rows.height
    if condition.things == "event":
        return least(condition) - 1
    return int((rows["unit"].rle_id() < least(condition) - 1).sum())


def _lightest_first(rows: pl.DataFrame, condition: Condition) -> pl.DataFrame:
    """Rows in the order in which they can stay: by what they add, or by how many rows make one order, item or day."""
    if condition.test == "sum":
        worth = pl.col("quantity").fill_null(1.0) * pl.col("price")
        return rows.drop_nulls("price").sort(worth, "row")
    if condition.things == "event":
        return rows.sort("row")
    units = rows.with_columns(unit(condition.things).alias("unit")).drop_nulls("unit")
    return units.sort(
        pl.len().over("unit"), pl.col("row").min().over("unit"), "row", descending=[True, False, False]
    )


def _ids(selected: SelectedEvents, rows: pl.DataFrame) -> tuple[str, ...]:
    return tuple(selected.described(rows.select("row"))["event_id"])
