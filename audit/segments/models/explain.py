"""The segments that models give: their definitions, contributions, events, and the reason in words."""

from dataclasses import replace
from datetime import datetime

import polars as pl

from audit.segments.event_selection import SelectedEvents
from audit.segments.model import Condition, Definition, Selection
from audit.segments.models import Groups, Lifetime, Models, customer_groups, customer_lifetime_value


def definitions(models: Models) -> tuple[Definition, ...]:
    """One definition for each model that was learned; a group of it is one segment."""
    parts = []
    for id_, title, groups in (
        ("learned", "Learned group: {group}", models.learned),
        ("people-like-you", "People like them buy {group}", models.alike),
    ):
        if groups is not None:
            events = Selection(customer_groups.kinds(groups.id))
            model = f"{groups.id}@{models.version}"
            condition = Condition(test="groups", events=events, by=("value",), model=model)
            parts.append(_definition(id_, title, groups.id, condition))
    if models.lifetime is not None:
        events = Selection(("order_completed",))
        condition = Condition(test="lifetime", events=events, model=f"lifetime@{models.version}")
        title = "Among the most worth in the next year"
        definition = _definition("lifetime-value", title, "lifetime", condition)
        parts.append(
            replace(definition, aliases=("high lifetime value", "high clv", "top clv"), basis="value")
        )
    return tuple(parts)


def _definition(id_: str, title: str, model: str, condition: Condition) -> Definition:
    return Definition(
        id=id_,
        title=title,
        aliases=(),
        basis="learned",
        purpose="personalize.content.profiled",
        sensitive=False,
        source=customer_groups.settings()[model]["source"],
        reason="{why}.",
        any_of=False,
        when=(condition,),
    )


def contributions(
    selected: SelectedEvents, condition: Condition, only: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The contributions of a learned segment, of the groups of persons (`person, group`) in `only` where it is given."""
    if condition.test != "lifetime":
        every_group = selected.once(customer_groups.group_contributions, _groups(selected, condition))
        if only is None:
            return every_group
        return every_group.join(only, on=("person", "group"), how="semi", maintain_order="left")
    if only is None:
        return selected.once(_lifetime_contributions, condition)
    orders = selected.rows(condition.events).join(only, on="person", how="semi", maintain_order="left")
    return customer_lifetime_value.contributions(_lifetime(selected), orders)


def _lifetime_contributions(selected: SelectedEvents, condition: Condition) -> pl.DataFrame:
    return customer_lifetime_value.contributions(_lifetime(selected), selected.rows(condition.events))


def worth_most(selected: SelectedEvents, condition: Condition, at: datetime) -> pl.Series:
    """Who is among the most worth at `at`: `person`."""
    return customer_lifetime_value.worth_most(_lifetime(selected), selected.rows(condition.events), at)


def deciding_events(selected: SelectedEvents, condition: Condition, at: datetime) -> pl.DataFrame:
    """The events that a learned segment rests on at `at`: `row, person`."""
    if condition.test == "lifetime":
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
        return selected.rows(condition.events).filter(pl.col("occurred_at") < midnight)
    return customer_groups.deciding_events(selected, _groups(selected, condition), at)


def excluded_events(selected: SelectedEvents, condition: Condition, at: datetime) -> pl.DataFrame:
    """The events that a learned segment looks at and may not rest on at `at`, and why: `row, why`."""
    events = selected.rows(condition.events)
    if condition.test == "lifetime":
        return events.select("row", pl.lit("of today, which counts from tomorrow on").alias("why"))
    counted = customer_groups.counted_events(selected, _groups(selected, condition), at)
    in_none = pl.lit("in none of the numbers that groups are told apart by: too long ago, or of another kind")
    return events.select(
        "row",
        pl.when(pl.col("row").is_in(counted["row"].implode()))
        .then(pl.lit("counts to numbers that do not speak for this group more than for the next"))
        .otherwise(in_none)
        .alias("why"),
    )


def reasons(selected: SelectedEvents, condition: Condition, at: datetime) -> pl.DataFrame:
    """The reason in words, for each customer: `person, why`."""
    if condition.test == "lifetime":
        return customer_lifetime_value.reasons(_lifetime(selected), selected.rows(condition.events), at)
    return customer_groups.explained(selected, _groups(selected, condition), at).select("person", "why")


def _lifetime(selected: SelectedEvents) -> Lifetime:
    assert selected.models.lifetime is not None
    return selected.models.lifetime


def _groups(selected: SelectedEvents, condition: Condition) -> Groups:
    return selected.models.groups(condition.model or "")
