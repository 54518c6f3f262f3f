"""Decisions that rest on acts out of this account's usual pattern."""

from typing import Any

import polars as pl

from audit.findings.audited import ONE_ORDER, Audited, newest_before, with_area
from audit.findings.catalogue import Check
from audit.findings.shape import ABOUT, day, found, rules, several, words

_AREA = 2
_OWN = ("self", "me", "own")
_BY = ["customer_id", "area"]


def detect(audited: Audited, check: Check) -> pl.DataFrame:
    """Messages, recommendations and segments of an area whose acts carry a hard sign, or are one stray purchase.

    An area is the first two levels of a category. Hard signs (case `gift`, `recipient`, `persona`): the act is a
    gift, for another recipient, or of another persona than most acts of the account, and no other order lies in
    the area; low where no message rests on it. Without one: a hint (info), scored by the share of orders that are about something else.
    """
    decisions = _decisions(audited)
    acts = _marked(audited.acts_of(decisions))
    stray = [
        newest_before(decisions, acts.filter(which), _BY, ["sign"]).drop_nulls("act_id")
        for which in (pl.col("sign").is_in(["gift", "recipient"]), pl.col("sign") == "persona")
    ]
    marked = (
        pl.concat(stray)
        .unique(["customer_id", "event_id"], keep="first", maintain_order=True)
        .sort("customer_id", *ONE_ORDER)
    )
    orders = acts.filter((pl.col("kind") == "order_completed") & pl.col("sign").is_null())
    own = newest_before(decisions, orders, _BY, []).filter(pl.col("act_id").is_not_null())
    hard = marked.join(own, on=["customer_id", "event_id"], how="anti")
    return pl.concat([_hard(hard), _hints(own, acts, check)])


def _marked(everything: pl.DataFrame) -> pl.DataFrame:
    """The acts with an area, and the hard sign each carries, if any."""
    acts = with_area(everything.drop_nulls("category"), _AREA)
    main = (
        everything.drop_nulls("persona")
        .group_by("customer_id", "persona", maintain_order=True)
        .len()
        .sort("customer_id", "len", "persona", descending=[False, True, False])
        .unique("customer_id", keep="first", maintain_order=True)
        .select("customer_id", pl.col("persona").alias("main"))
    )
    sign = pl.coalesce(
        pl.when(pl.col("gift").fill_null(value=False)).then(pl.lit("gift")),
        pl.when(~pl.col("recipient").str.to_lowercase().is_in(_OWN)).then(pl.lit("recipient")),
        pl.when(pl.col("persona") != pl.col("main")).then(pl.lit("persona")),
    )
    return acts.join(main, on="customer_id", how="left", maintain_order="left").with_columns(
        sign.alias("sign")
    )


def _decisions(audited: Audited) -> pl.DataFrame:
    """What was decided about an area for this customer alone: no mail to a list."""
    columns = ["customer_id", *ONE_ORDER, "kind", "category"]
    made = [
        audited.mailings.filter(pl.col("list_id").is_null()).select(columns),
        audited.of_kind("recommendation_shown").select(columns),
        audited.segments.filter(pl.col("source").ne_missing("third_party")).select(columns),
    ]
    both = pl.concat(made).drop_nulls("category")
    return with_area(both, _AREA).sort("customer_id", *ONE_ORDER)


def _grouped(rows: pl.DataFrame) -> pl.DataFrame:
    sent = pl.col("kind") == "message_sent"
    return rows.group_by(_BY, maintain_order=True).agg(
        pl.len().alias("count"),
        sent.sum().alias("mails"),
        pl.col("occurred_at").min().alias("first"),
        pl.col("occurred_at").max().alias("last"),
        pl.col("event_id").filter(sent).alias("messages"),
        pl.col("event_id").alias("decisions"),
        pl.col("act_id").unique(maintain_order=True).alias("cause"),
        day(pl.col("act_at").first()).alias("since"),
        *([pl.col("act_sign").first().alias("case")] if "act_sign" in rows.columns else []),
    )


def _hard(rows: pl.DataFrame) -> pl.DataFrame:
    signs = {
        "gift": "marked as a gift",
        "recipient": "for another recipient",
        "persona": "of another profile",
    }
    groups = _grouped(rows)
    text = pl.format(
        "{} about {} ({}) rest on an act {} on {}: out of this account's usual pattern.",
        several(pl.col("count"), "decision"), pl.lit(ABOUT), several(pl.col("mails"), "message"),
        pl.col("case").replace(signs), "since",
    )  # fmt: skip
    severity = pl.when(pl.col("mails") == 0).then(pl.lit("low"))
    return _found(groups.with_columns(text.alias("text"), severity.alias("severity")))


def _hints(rows: pl.DataFrame, acts: pl.DataFrame, check: Check) -> pl.DataFrame:
    orders = acts.filter(pl.col("kind") == "order_completed")
    total = orders.group_by("customer_id").agg(pl.len().alias("orders"))
    inside = acts.group_by(_BY).agg(pl.len().alias("inside"))
    single = orders.group_by(_BY).agg(pl.len().alias("single")).filter(pl.col("single") == 1)
    limits = check.thresholds
    groups = (
        _grouped(rows)
        .filter(pl.col("mails") >= limits["messages"])
        .join(single, on=_BY, how="inner", maintain_order="left")
        .join(total, on="customer_id", how="left", maintain_order="left")
        .join(inside, on=_BY, how="left", maintain_order="left")
        .with_columns((1 - 1 / pl.col("orders")).alias("score"))
        .filter((pl.col("orders") >= limits["orders"]) & (pl.col("score") >= limits["score"]))
        .filter(pl.col("inside") == 1)
    )
    text = pl.format(
        "{} messages about {} rest on one order on {}; the other {} orders are about other things (score {}).",
        "mails", pl.lit(ABOUT), "since", pl.col("orders") - 1, pl.col("score").round(2),
    )  # fmt: skip
    return _found(
        groups.with_columns(
            pl.lit("hint").alias("case"), pl.lit("info").alias("severity"), text.alias("text")
        )
    )


def _found(groups: pl.DataFrame) -> pl.DataFrame:
    return found(
        groups.with_columns(
            pl.col("area").alias("subject"),
            pl.col("area").alias("category"),
            words(pl.col("area")).alias("about"),
            pl.col("cause").list.concat("decisions").alias("evidence"),
            rules(groups, ("customer_id", "area"), _rule),
        )
    )


def _rule(customer: str, area: str) -> dict[str, Any]:
    return {
        "id": f"not-theirs-{area}-{customer}",
        "kind": "mute",
        "title": f"Nothing about {area} to {customer}",
        "categories": [area],
        "customers": [customer],
    }
