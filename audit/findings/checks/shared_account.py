"""Decisions that rest on acts out of this account's usual pattern."""

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from audit.events.purchases import ORDER_OF
from audit.events.schema import first_label
from audit.findings.check import Check, ExcludedEvents, Finding, split_at_cause
from audit.findings.check_context import ORDER, CheckContext, newest_before, with_area
from audit.findings.schema import ABOUT, category_name, day, detected, several, span_of
from audit.findings.suggested_rule import mute_category_column
from audit.population import persona_markers

_AREA_DEPTH = 2
_BY = ["customer_id", "area"]


class SharedAccount(Check):
    """Talks to the wrong person of a household."""

    id = "shared-account"
    alike = "matter"
    handed_to = "privacy or care"

    def detect(self, context: CheckContext) -> pl.DataFrame:
        """Messages, recommendations and segments of an area whose acts carry a hard sign, or are one stray purchase.

        An area is the first two levels of a category. Hard signs (case `gift`, `recipient`, `persona`, `device`): the act is a
        gift, for another recipient, of another persona than most acts of the account, or from a device that did nothing
        outside the area while another did the rest; and no other order lies in the area. Low where no message rests on
        it, and for a device: a new one is no other person. Without a sign: a hint (info), where the account's other orders say that
        a new area is unusual for it: the score is 1 less their chance of opening one, by the share of them that are the only order of
        their area (Good, Biometrika 1953). Who varies much gets no hint.
        """
        decisions = _decisions(context)
        acts = _with_sign(context.acts_of(decisions))
        by_sign = [
            newest_before(decisions, acts.filter(pl.col("sign").is_in(signs)), _BY, ["sign"])
            for signs in (["gift", "recipient"], ["persona", "device"])
        ]
        marked = (
            pl.concat(by_sign)
            .drop_nulls("act_id")
            .unique(["customer_id", "event_id"], keep="first", maintain_order=True)
            .sort("customer_id", *ORDER)
        )
        orders = acts.filter((pl.col("kind") == "order_completed") & pl.col("sign").is_null())
        on_orders = newest_before(decisions, orders, _BY).filter(pl.col("act_id").is_not_null())
        hard = marked.join(on_orders, on=["customer_id", "event_id"], how="anti")
        return pl.concat([_hard(hard), _hints(on_orders, acts, self.thresholds)])

    def excluded_events(self, context: CheckContext, finding: Finding) -> Iterable[ExcludedEvents]:
        """Other messages about the same area."""
        messages = with_area(context.mailings, _AREA_DEPTH).filter(pl.col("area") == finding["subject"])
        after = "rests on another act, or went to a list"
        return split_at_cause(context, finding, messages, before="before that act", after=after)


def _with_sign(all_acts: pl.DataFrame) -> pl.DataFrame:
    """The acts with an area, and the hard sign each carries, if any."""
    acts = with_area(all_acts.drop_nulls("category"), _AREA_DEPTH)
    sign = first_label(
        {
            "gift": persona_markers.gift(),
            "recipient": persona_markers.recipient(),
            "persona": pl.col("persona") != pl.col("main"),
            "device": pl.col("apart"),
        }
    )
    return (
        acts.join(
            persona_markers.main_personas(all_acts), on="customer_id", how="left", maintain_order="left"
        )
        .join(
            _single_area_devices(all_acts), on=["customer_id", "device_id"], how="left", maintain_order="left"
        )
        .with_columns(sign.alias("sign"))
    )


def _single_area_devices(all_acts: pl.DataFrame) -> pl.DataFrame:
    """`customer_id, device_id, apart`: whether all a device did lies in one area, and the account has another."""
    return (
        with_area(all_acts.drop_nulls("device_id"), _AREA_DEPTH)
        .group_by("customer_id", "device_id")
        .agg((pl.col("area").is_not_null().all() & (pl.col("area").n_unique() == 1)).alias("apart"))
        .with_columns(pl.col("apart") & (pl.len().over("customer_id") > 1))
    )


def _decisions(context: CheckContext) -> pl.DataFrame:
    """What was decided about an area for this customer alone: no mail to a list."""
    columns = ["customer_id", *ORDER, "kind", "category"]
    decisions = [
        context.mailings.filter(pl.col("list_id").is_null()).select(columns),
        context.of_kind("recommendation_shown").select(columns),
        context.segments.filter(pl.col("source").ne_missing("third_party")).select(columns),
    ]
    with_category = pl.concat(decisions).drop_nulls("category")
    return with_area(with_category, _AREA_DEPTH).sort("customer_id", *ORDER)


def _grouped(rows: pl.DataFrame) -> pl.DataFrame:
    is_message = pl.col("kind") == "message_sent"
    return rows.group_by(_BY, maintain_order=True).agg(
        pl.len().alias("count"),
        is_message.sum().alias("mails"),
        *span_of(is_message),
        pl.col("event_id").filter(is_message).alias("messages"),
        pl.col("event_id").alias("decisions"),
        pl.col("act_id").unique(maintain_order=True).alias("cause"),
        day(pl.col("act_at").first()).alias("since"),
        *([pl.col("act_sign").first().alias("case")] if "act_sign" in rows.columns else []),
    )


def _hard(rows: pl.DataFrame) -> pl.DataFrame:
    groups = _grouped(rows)
    text = pl.format(
        "{} about {} ({}) rest on an act {} on {}: out of this account's usual pattern.",
        several(pl.col("count"), "decision"), pl.lit(ABOUT), several(pl.col("mails"), "message"),
        pl.col("case").replace(persona_markers.WORDS), "since",
    )  # fmt: skip
    severity = pl.when((pl.col("mails") == 0) | (pl.col("case") == "device")).then(pl.lit("low"))
    return _detected(groups.with_columns(text.alias("text"), severity.alias("severity")))


def _hints(rows: pl.DataFrame, acts: pl.DataFrame, limits: Mapping[str, Any]) -> pl.DataFrame:
    inside = acts.group_by(_BY).agg(pl.len().alias("inside"))
    groups = (
        _grouped(rows)
        .filter(pl.col("mails") >= limits["messages"])
        .join(_single_order_areas(acts), on=_BY, how="inner", maintain_order="left")
        .join(inside, on=_BY, how="left", maintain_order="left")
        .filter((pl.col("orders") >= limits["orders"]) & (pl.col("score") >= limits["score"]))
        .filter(pl.col("inside") == 1)
    )
    others = pl.format("of this account's other {} orders ", pl.col("orders") - 1)
    words = {0: pl.lit("none is"), 1: pl.lit("1 is")}
    alone = pl.coalesce(
        *(pl.when(pl.col("alone") == number).then(text) for number, text in words.items()),
        pl.format("{} are", "alone"),
    )
    text = pl.format(
        "{} messages about {} came after its only order on {}, which may be for somebody else: {}{} alone in an area.",
        "mails", pl.lit(ABOUT), "since", others, alone,
    )  # fmt: skip
    return _detected(groups.with_columns(case=pl.lit("hint"), severity=pl.lit("info"), text=text))


def _single_order_areas(acts: pl.DataFrame) -> pl.DataFrame:
    """The areas with one order: `customer_id, area, orders` (of the account), `alone` (other such areas) and `score`."""
    orders = acts.filter(pl.col("kind") == "order_completed")
    areas = orders.group_by(_BY).agg(ORDER_OF.n_unique().alias("number"))
    of_account = orders.group_by("customer_id").agg(ORDER_OF.n_unique().alias("orders"))
    is_single = pl.col("number") == 1
    return (
        areas.with_columns(
            (is_single.sum().over("customer_id") - 1).alias("alone"),
        )
        .filter(is_single)
        .join(of_account, on="customer_id")
        .with_columns((1 - pl.col("alone") / (pl.col("orders") - 1)).alias("score"))
    )


def _detected(groups: pl.DataFrame) -> pl.DataFrame:
    return detected(
        groups,
        subject="area",
        category="area",
        total="mails",
        about=category_name(pl.col("area")),
        evidence=pl.col("cause").list.concat("decisions"),
        rule=mute_category_column(groups, "area"),
    )
