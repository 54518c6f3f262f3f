"""Marketing from a trigger that a change in somebody's life has put an end to."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import polars as pl

from audit.events import purchases, vocabulary
from audit.events.schema import first_levels
from audit.events.times import iso
from audit.events.vocabulary import campaign_expr, comes_before_expr
from audit.findings.check import Check, ExcludedEvents, Finding, split_at_cause
from audit.findings.check_context import ORDER, CheckContext
from audit.findings.schema import ABOUT, category_title, day, detected, message_count
from audit.findings.suggested_rule import Rule, mute, nothing_more, quoted, rule_column, shortest, slug, slugs

_ABOUT_THE_SAME = "about the same kind of thing"
_MAILINGS = {"customer_deceased": "", "registry_closed": f"because of the registry or {_ABOUT_THE_SAME} "}
"""Which messages count after a change; after others those of `_ABOUT_THE_SAME`."""


_SILENCE_DAYS = (365, 730, 1825)
"""House values: for so long nothing of a registry goes out after it was closed, the shortest that is long enough."""


class LifeChanged(Check):
    """Mail that ignores a death, a closed registry or a return for bereavement."""

    id = "life-changed"
    subject_names = "nothing"
    handed_to = "privacy or care"

    def detect(self, context: CheckContext) -> pl.DataFrame:
        """Marketing after a death, a closed registry or a purchase undone for bereavement, one finding a customer.

        After a death every message counts; else those that a registry triggered or that share the item or the first level
        of the category. A registry opened again ends it. Which reasons speak of a death: `audit/events/bereavement.toml`.
        """
        area = first_levels(pl.col("category"), 1).alias("area")
        mailings = context.mailings.select(
            "customer_id",
            *ORDER,
            "channel",
            campaign_expr().alias("campaign_id"),
            "known_trigger",
            "item_id",
            area,
        )
        after = comes_before_expr("change_at", "change_id", "occurred_at", "event_id")
        still = pl.col("until").is_null() | (pl.col("occurred_at") < pl.col("until"))
        by_registry = pl.col("known_trigger").str.contains("registry", literal=True)
        concerns = (
            (pl.col("change") == "customer_deceased")
            | ((pl.col("change") == "registry_closed") & by_registry)
            | (pl.col("area") == pl.col("change_area"))
            | (pl.col("item_id") == pl.col("change_item"))
        )
        pairs = mailings.join(_changes(context), on="customer_id", how="inner").filter(
            after & still & concerns.fill_null(value=False)
        )
        return _detected(pairs.sort("customer_id", *ORDER, "change_at", "change_id"))

    def excluded_events(self, context: CheckContext, finding: Finding) -> Iterable[ExcludedEvents]:
        """All other marketing."""
        after = "from another trigger, about something else"
        return split_at_cause(
            context, finding, context.mailings, before="before it was recorded", after=after
        )


def _changes(context: CheckContext) -> pl.DataFrame:
    """What changed a life: `change_id, change_at, change` (kind), `change_item, change_area, grave`, and `until` when it holds.

    A return has the items and categories of all that it undid.
    """
    undone = context.orders.drop_nulls("returned_id").select(
        "customer_id",
        pl.col("returned_id").alias("event_id"),
        pl.col("item_id").alias("undone_item"),
        pl.col("category").alias("undone_category"),
    )
    of_item = context.population.facts.items.select("item_id", pl.col("category").alias("usual_category"))
    category = pl.coalesce("category", "undone_category", "usual_category")
    acts = context.of_kind("customer_deceased", "registry_closed", "registry_created", *purchases.TAKEN_BACK)
    reopened = pl.when(pl.col("kind") == "registry_created").then("occurred_at")
    until = reopened.backward_fill().over("customer_id")
    return (
        acts.with_columns(until.alias("until"))
        .filter(pl.col("kind").is_in(purchases.TAKEN_BACK).not_() | vocabulary.speaks_of_death())
        .filter(pl.col("kind") != "registry_created")
        .join(undone, on=("customer_id", "event_id"), how="left", maintain_order="left")
        .join(of_item, on="item_id", how="left", maintain_order="left")
        .select(
            "customer_id",
            pl.col("event_id").alias("change_id"),
            pl.col("occurred_at").alias("change_at"),
            pl.col("kind").alias("change"),
            pl.coalesce("item_id", "undone_item").alias("change_item"),
            first_levels(category, 1).alias("change_area"),
            vocabulary.life_changed().alias("grave"),
            pl.when(pl.col("kind") == "registry_closed").then("until").alias("until"),
        )
    )


def _detected(pairs: pl.DataFrame) -> pl.DataFrame:
    rows = pairs.group_by("customer_id", maintain_order=True).agg(
        pl.col("event_id").n_unique().alias("count"),
        pl.col("event_id").unique(maintain_order=True).alias("messages"),
        pl.col("change_id").unique(maintain_order=True).alias("cause"),
        pl.col("change", "change_area").sort_by("change_at", "change_id").first(),
        (pl.col("area") == pl.col("change_area")).fill_null(value=False).all().alias("in_area"),
        pl.col("grave").any(),
        pl.when(pl.col("channel").n_unique() == 1).then(pl.col("channel").first()).alias("channel"),
        pl.col("campaign_id").drop_nulls().unique(maintain_order=True).alias("campaigns"),
        pl.col("occurred_at").min().alias("first_at"),
        pl.col("occurred_at").max().alias("last_at"),
        day(pl.col("change_at").min()).alias("since"),
        pl.col("change_at").min(),
    )
    mailings = pl.col("change").replace_strict(_MAILINGS, default=f"{_ABOUT_THE_SAME} ")
    text = pl.format(
        "{} {}since {} was recorded on {}.",
        message_count(pl.col("channel")), mailings, pl.lit(ABOUT), "since",
    )  # fmt: skip
    return detected(
        rows,
        case="change",
        subject=pl.lit("life change"),
        about=pl.col("change").replace({kind: names[0] for kind, names in vocabulary.life_changes().items()}),
        severity=pl.when(~pl.col("grave")).then(pl.lit("medium")),
        text=text,
        rule=rule_column(
            rows,
            ("customer_id", "change", "campaigns", "change_area", "in_area", "change_at", "last_at"),
            _rule,
        ),
    )


def _rule(
    *,
    customer_id: str,
    change: str,
    campaigns: list[str],
    change_area: str | None,
    in_area: bool,
    change_at: datetime,
    last_at: datetime,
) -> Rule | None:
    """A closed registry ends its campaigns for everybody; goods come back for many reasons, so that is for one alone."""
    scope = {"campaigns": campaigns} if campaigns else {}
    scope |= {"categories": [change_area]} if in_area and change_area else {}
    if change == "customer_deceased":
        return nothing_more(customer_id, change_at)
    if not scope:
        return None
    if change != "registry_closed":
        thing = f"of {quoted(campaigns)}" if campaigns else f"about {change_area}"
        return {**mute(customer_id, thing, **scope), "valid_from": iso(change_at)}
    days = shortest((last_at - change_at).days + 1, *_SILENCE_DAYS)
    names = [slugs(campaigns)] if campaigns else []
    names += [slug(change_area)] if "categories" in scope and change_area else []
    return {
        "id": "-".join(["after-registry-closed", f"{days}d", *names]),
        "kind": "cooldown",
        "title": f"Nothing {_of(campaigns, scope)} for {days} days after a registry was closed",
        **scope,
        "after": ["registry_closed"],
        "window": f"{days}d",
    }


def _of(campaigns: Sequence[str], scope: Mapping[str, Sequence[str]]) -> str:
    """What a rule with this scope holds back, in its title."""
    about = [f"about {category_title(category)}" for category in scope.get("categories", ())]
    return " ".join([*([f"of {quoted(campaigns)}"] if campaigns else []), *about])
