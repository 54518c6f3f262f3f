"""Messages after somebody said no, told apart by whether they were allowed, late, or neither."""

from datetime import date, timedelta
from typing import Any

import polars as pl

from audit.findings.catalogue import Check, countries, data
from audit.findings.catalogue import check as row_of
from audit.findings.check_context import ONE_ORDER, Audited, lies_before
from audit.findings.schema import (
    amount,
    day,
    found,
    rules,
)

_NO = ("unsubscribed", "objected", "consent_withdrawn")
_YES = ("subscribed", "consent_given")
_MESSAGE = ("customer_id", "event_id")
_LAWS = ("OBJ-DM", "OBJ-DM-GB", "OPT-EMAIL-US", "OPT-SMS-US", "OPT-2D")
_LATEST_US = "Pacific/Honolulu"

TEXTS = {
    "breach": "{} after the opt-out of {} ({}).",
    "queued_before": "{} had been handed over for sending before the opt-out of {} ({}).",
    "within_grace": "{} within the days a sender has for acting on the opt-out of {} ({}).",
    "wrong_scope": "{} after the opt-out of {} ({}), which was about another channel, sender or topic.",
    "allowed_class": "{} about orders or service after the opt-out of {} ({}); an opt-out from marketing does not stop these.",
}


def detect(audited: Audited, check: Check) -> pl.DataFrame:
    """Messages sent while a no is in force or after one that does not bear on them, by channel and case.

    A no bears on a message when the act's channel and sender are absent or the message's own, and its topics are
    absent or shared; it is in force until a later yes that bears on the message.
    """
    after = _after_a_no(audited)
    judged = after.with_columns(_late(check)).with_columns(_case().alias("case"), _law().alias("law"))
    return _findings(judged, check)


def _after_a_no(audited: Audited) -> pl.DataFrame:
    """Every message after a no, with that no (`act_*`: the oldest in force, else one of another scope)."""
    acts = audited.of_kind(*_NO, *_YES).select(
        "customer_id",
        pl.col("event_id").alias("act_id"),
        pl.col("occurred_at").alias("act_at"),
        pl.col("kind").alias("act"),
        *(pl.col(name).alias(f"act_{name}") for name in ("channel", "sender", "topics")),
    )
    deniers = acts.filter(pl.col("act").is_in(_NO)).select("customer_id").unique()
    sent = _with_country(audited, audited.messages.join(deniers, on="customer_id", how="semi"))
    pairs = (
        sent.join(acts, on="customer_id", how="inner")
        .filter(lies_before("act_at", "occurred_at", act_id="act_id"))
        .sort(*_MESSAGE, "act_at", "act_id")
        .with_columns(_bears().alias("bears"), pl.int_range(pl.len()).over(_MESSAGE).alias("nth"))
    )
    yes = pl.col("nth").filter(pl.col("bears") & pl.col("act").is_in(_YES)).max().over(_MESSAGE).fill_null(-1)
    nos = pairs.filter(pl.col("act").is_in(_NO) & (pl.col("nth") > yes))
    chosen = nos.sort(*_MESSAGE, "bears", "nth", descending=[False, False, True, False])
    return _with_queued(audited, chosen.unique(_MESSAGE, keep="first", maintain_order=True))


def _bears() -> pl.Expr:
    own = [
        pl.col(f"act_{name}").is_null() | pl.col(f"act_{name}").eq_missing(pl.col(name))
        for name in ("channel", "sender")
    ]
    topics = pl.col("act_topics")
    shared = topics.list.set_intersection("topics").list.len().fill_null(0) > 0
    return own[0] & own[1] & (topics.is_null() | (topics.list.len() == 0) | shared)


def _with_country(audited: Audited, sent: pl.DataFrame) -> pl.DataFrame:
    """Add `land`: the message's country, else the customer's newest known one."""
    newest = (
        audited.events.lazy()
        .filter(pl.col("country").is_not_null())
        .group_by("customer_id")
        .agg(pl.col("country").last().alias("known"))
        .collect()
    )
    return sent.join(newest, on="customer_id", how="left").with_columns(
        pl.coalesce("country", "known").alias("land")
    )


def _with_queued(audited: Audited, rows: pl.DataFrame) -> pl.DataFrame:
    """Add `queued`: the message was handed over before the no."""
    attempts = (
        audited.of_kind("message_attempted")
        .drop_nulls("message_id")
        .group_by("customer_id", "message_id")
        .agg(pl.col("occurred_at").min().alias("attempted_at"))
    )
    return rows.join(attempts, on=["customer_id", "message_id"], how="left").with_columns(
        (pl.col("attempted_at") < pl.col("act_at")).fill_null(value=False).alias("queued")
    )


def _late(check: Check) -> list[pl.Expr]:
    """The columns `late` (the days of grace are over) and `stale` (so are the hours of the industry rules).

    Ten US business days end when their last day is over in every US zone. An objection under the GDPR has no days
    of grace.
    """
    calendar = data("us_federal_holidays.toml")
    added = (
        pl.col("act_at")
        .dt.date()
        .dt.add_business_days(check.thresholds["business_days"], holidays=calendar["days"], roll="backward")
    )
    local = pl.col("occurred_at").dt.convert_time_zone(_LATEST_US).dt.date()
    covered = pl.col("act_at").dt.date().is_between(calendar["from"], calendar["until"])
    by_days = (
        pl.col("land").is_in(countries("OPT-EMAIL-US")) & pl.col("channel").is_in(["email", "sms"]) & covered
    )
    at_once = pl.col("land").is_in(countries("OBJ-DM") | countries("OBJ-DM-GB")) & (
        pl.col("act") == "objected"
    )
    stale = pl.col("occurred_at") - pl.col("act_at") > timedelta(hours=check.thresholds["hours"])
    late = (
        pl.when(by_days.fill_null(value=False))
        .then(local > added)
        .otherwise(stale | at_once.fill_null(value=False))
    )
    return [late.alias("late"), stale.alias("stale")]


def _case() -> pl.Expr:
    marketing = pl.col("message_class").fill_null("marketing") == "marketing"
    queued = pl.col("queued") & ~(pl.col("late") & pl.col("stale"))
    return (
        pl.when(~pl.col("bears"))
        .then(pl.when(marketing).then(pl.lit("wrong_scope")))
        .when(~marketing)
        .then(pl.lit("allowed_class"))
        .when(queued)
        .then(pl.lit("queued_before"))
        .when(~pl.col("late"))
        .then(pl.lit("within_grace"))
        .otherwise(pl.lit("breach"))
    )


def _law() -> pl.Expr:
    """The row of the catalogue that speaks of this message; null where none does."""
    mail = pl.col("channel") == "email"
    where = {"OPT-EMAIL-US": mail, "OPT-SMS-US": pl.col("channel") == "sms", "OPT-2D": mail}
    anywhere = pl.lit(value=True)
    return pl.coalesce(
        pl.when(_applies(row_of(name)) & where.get(name, anywhere).fill_null(value=False)).then(pl.lit(name))
        for name in _LAWS
    )


def _applies(row: Check) -> pl.Expr:
    here = (
        pl.col("land").is_in(countries(row.id)).fill_null(value=False)
        if row.jurisdiction
        else pl.lit(value=True)
    )
    begins, ends = row.effective_from or date.min, row.effective_until or date.max
    return here & pl.col("occurred_at").dt.date().is_between(begins, ends)


def _findings(judged: pl.DataFrame, check: Check) -> pl.DataFrame:
    laws = {name: row_of(name) for name in _LAWS}
    strict = [name for name, row in laws.items() if row.max_verdict == "breach"]
    sources = pl.DataFrame({"law": list(laws), "named_by": [list(row.sources) for row in laws.values()]})
    rows = (
        judged.drop_nulls("case")
        .sort("customer_id", *ONE_ORDER)
        .join(sources, on="law", how="left", maintain_order="left")
        .group_by("customer_id", "channel", "case", maintain_order=True)
        .agg(
            pl.len().alias("count"),
            pl.col("occurred_at").min().alias("first"),
            pl.col("occurred_at").max().alias("last"),
            pl.col("event_id").alias("messages"),
            pl.col("act_id").unique(maintain_order=True).alias("cause"),
            day(pl.col("act_at").first()).alias("said"),
            pl.col("act").first().str.replace_all("_", " ", literal=True),
            pl.col("law").is_in(strict).any().alias("strict"),
            pl.col("named_by").drop_nulls().explode().unique(maintain_order=True).alias("sources"),
        )
    )
    texts = [
        pl.when(pl.col("case") == case).then(pl.format(text, amount(pl.col("channel")), "said", "act"))
        for case, text in TEXTS.items()
    ]
    strict_breach = (pl.col("case") == "breach") & pl.col("strict")
    return found(
        rows.with_columns(
            pl.col("channel").fill_null("all channels").alias("subject"),
            pl.coalesce(texts).alias("text"),
            pl.col("case").replace_strict(check.thresholds["severity"]).alias("severity"),
            pl.when(strict_breach).then(pl.lit("breach")).otherwise(pl.lit("risk")).alias("verdict"),
            pl.col("cause").list.concat("messages").alias("evidence"),
            pl.when(pl.col("sources").list.len() > 0)
            .then("sources")
            .otherwise(pl.lit(["house: experience check"])),
            rules(rows, ("channel",), _rule),
        ).with_columns(
            pl.when(pl.col("case").is_in(["wrong_scope", "allowed_class"]))
            .then(None)
            .otherwise("rule")
            .alias("rule")
        )
    )


def _rule(channel: str | None) -> dict[str, Any]:
    return {
        "id": f"honour-opt-outs-{channel or 'all'}",
        "kind": "consent",
        "title": f"No marketing{f' by {channel}' if channel else ''} after an opt-out, from that moment on",
        **({"channels": [channel]} if channel else {}),
        "grace": "0d",
    }
