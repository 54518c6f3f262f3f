"""Followed by messages long after a single look."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import polars as pl

from audit.events.purchases import ORDER
from audit.events.vocabulary import campaign_expr
from audit.findings.check import ExcludedEvents, Finding, NoActCheck
from audit.findings.check_context import CheckContext, newest_before, with_area
from audit.findings.schema import (
    ABOUT,
    category_name,
    category_title,
    day,
    detected,
    message_count,
)
from audit.findings.suggested_rule import Rule, quoted, rule_column, sunset
from audit.why.model import Reason

_AREA_DEPTH = 2
_BY = ["customer_id", "area"]
_LOGGED = "followed"
_LOOKS = ("product_viewed", "products_searched")


class BrowsePursuit(NoActCheck):
    """Mail about what was looked at once."""

    id = "browse-pursuit"
    alike = "matter"

    def detect(self, context: CheckContext) -> pl.DataFrame:
        """Messages triggered by a look or a search, too many or too long after the last act in the area.

        The trigger is what the sender states, else what the campaign map knows of the campaign (case `followed`). Where nobody
        says, a message to no list whose area was looked at last counts too (`unlogged`); it is only noted (info) unless
        one of them names an item looked at. An area is the first two levels of a category. What follows an order is
        repeat-after-purchase.
        """
        limits = self.thresholds
        rows, acts = _after_acts(context, limits)
        followed = rows.filter("followed")
        nth = pl.int_range(1, pl.len() + 1).over(*_BY, "logged", "act_id")
        long_after = pl.col("occurred_at") - pl.col("act_at") > timedelta(days=limits["days"])
        excess = (nth >= limits["messages"]) | long_after
        engagement = context.population.settings.engagement
        looks = acts.filter(pl.col("kind") != ORDER).select(*_BY, look_id="event_id", look_at="occurred_at")
        return _detected(followed.with_columns(excess=excess), looks, limits, engagement)

    def excluded_events(self, context: CheckContext, finding: Finding) -> Iterable[ExcludedEvents]:
        """Messages of the same triggers about the same area."""
        messages = _after_acts(context, self.thresholds)[0].filter(
            pl.col("area") == finding["subject"], pl.col("logged") == (finding["case"] == _LOGGED)
        )
        limits, bought = self.thresholds, (pl.col("act_kind") == ORDER).fill_null(value=False)
        cause = context.events.filter(pl.col("event_id").is_in(finding["cause"]))["occurred_at"].min()
        is_before = pl.lit(value=False) if cause is None else pl.col("occurred_at") < cause
        figures = (limits["messages"] - 1, limits["days"])
        few = "among the first {} after a look and within {} days of it"
        yield ExcludedEvents("message", messages.filter(is_before), "before that look")
        after = messages.filter(~is_before)
        yield ExcludedEvents("message", after.filter("followed"), few, figures)
        yield ExcludedEvents("message", after.filter(~pl.col("followed"), bought), "after a purchase")
        yield ExcludedEvents("message", after.filter(~pl.col("followed"), ~bought), "after no look")

    def beside_events(self, context: CheckContext, finding: Finding) -> Reason | None:
        """Nothing: an act that fits is behind them, and it is among the evidence."""
        del context, finding
        return None


def _triggered(context: CheckContext, limits: Mapping[str, Any]) -> pl.DataFrame:
    """The messages that a look may have set off; `logged`: somebody says so."""
    logged = pl.col("known_trigger").is_in(limits["triggers"])
    nobody_says = pl.col("known_trigger").is_null() & pl.col("list_id").is_null()
    return context.mailings.filter(
        pl.col("category").is_not_null(), logged.fill_null(value=False) | nobody_says
    ).with_columns(logged=logged.fill_null(value=False))


def _after_acts(context: CheckContext, limits: Mapping[str, Any]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Each message that a look may have set off, with the newest act in its area before it (`act_…`), and whether it
    `followed` a look; and these acts.
    """
    triggered = _triggered(context, limits)
    acts = with_area(context.acts_of(triggered).drop_nulls("category"), _AREA_DEPTH)
    rows = newest_before(with_area(triggered, _AREA_DEPTH), acts, _BY, ["kind", "item_id"])
    by_looking = pl.col("act_kind").is_in(_LOOKS)
    followed = pl.when("logged").then(pl.col("act_kind") != ORDER).otherwise(by_looking)
    return rows.with_columns(followed=followed.fill_null(value=False)), acts


def _detected(
    followed: pl.DataFrame, looks: pl.DataFrame, limits: Mapping[str, Any], engagement: str
) -> pl.DataFrame:
    """`looks`: all acts by area (`look_id, look_at`), of which those between the first and the last mail are told."""
    excess, by = pl.col("excess"), [*_BY, "logged"]
    begin, last = (pl.col(name).filter(excess) for name in ("act_at", "occurred_at"))
    spoken_of = followed.filter(
        (pl.col("act_at") >= begin.min().over(by)) & (pl.col("occurred_at") <= last.max().over(by))
    )
    rows = spoken_of.group_by(by, maintain_order=True).agg(
        (pl.col("item_id") == pl.col("act_item_id")).any().alias("names_item"),
        pl.len().alias("total"),
        excess.sum().alias("count"),
        pl.col("event_id").filter(excess).alias("messages"),
        pl.col("occurred_at").min().alias("first_at"),
        pl.col("occurred_at").max().alias("last_at"),
        pl.when(pl.col("channel").n_unique() == 1).then(pl.col("channel").first()).alias("channel"),
        pl.col("act_at").min(),
        day(pl.col("act_at").max()).alias("since"),
        pl.col("category").last(),
        campaign_expr().filter(excess).drop_nulls().unique(maintain_order=True).alias("campaigns"),
    )
    rows = _with_acts(rows, looks, by)
    one = pl.format("since the last act about it before them on {}", "since")
    more = pl.format(
        "after {} acts about it since {}, the last on {}", "acts", day(pl.col("act_at")), "since"
    )
    text = pl.format(
        "{} about {} {}: {} too many, beyond the first {} after an act or more than {} days after it.",
        message_count(pl.col("channel"), "total"), pl.lit(ABOUT),
        pl.when(pl.col("acts") == 1).then(one).otherwise(more), "count",
        pl.lit(limits["messages"] - 1), pl.lit(limits["days"]),
    )  # fmt: skip
    return detected(
        rows,
        case=pl.when("logged").then(pl.lit(_LOGGED)).otherwise(pl.lit("unlogged")),
        severity=pl.when(~pl.col("logged") & ~pl.col("names_item").fill_null(value=False)).then(
            pl.lit("info")
        ),
        subject="area",
        excess="count",
        about=category_name(pl.col("area")),
        text=text,
        rule=rule_column(
            rows, ("campaigns", "area"), _rule, unengaged=limits["messages"] - 1, engagement=engagement
        ),
    )


def _with_acts(rows: pl.DataFrame, looks: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """`rows` with `cause`, the acts of `looks` from the day of `act_at` to `last_at`, and `acts`, their number."""
    between = looks.join(rows.select(*by, "act_at", "last_at"), on=_BY).filter(
        pl.col("look_at").is_between(pl.col("act_at").dt.truncate("1d"), "last_at")
    )
    cause = between.sort("look_at", "look_id").group_by(by, maintain_order=True).agg(cause="look_id")
    return rows.join(cause, on=by, how="left", maintain_order="left").with_columns(
        acts=pl.col("cause").list.len()
    )


def _rule(campaigns: list[str], area: str, unengaged: int, engagement: str) -> Rule:
    if campaigns:
        return sunset(unengaged, engagement, f"of {quoted(campaigns)}", campaigns=campaigns)
    return sunset(unengaged, engagement, f"about {category_title(area)}", categories=[area])
