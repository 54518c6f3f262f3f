"""Messages after somebody said no, told apart by whether they were allowed, late, or neither."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import polars as pl

from audit.events.schema import first_label
from audit.events.vocabulary import (
    COMPLAINT,
    OPT_INS,
    SCOPE,
    bears_on_expr,
    comes_before_expr,
    covers_expr,
    is_marketing_expr,
    may_bear_on_expr,
    shares_topic_expr,
)
from audit.findings import catalogue
from audit.findings.catalogue import CatalogueRow, countries
from audit.findings.check import Check, ExcludedEvents, Finding, split_at_cause
from audit.findings.check_context import ORDER, CheckContext
from audit.findings.schema import day, days, detected, message_columns, message_count, nothing_detected
from audit.findings.suggested_rule import rule_column, slug
from audit.why.wording import MESSAGE_NOUNS

_MESSAGE = ("customer_id", "event_id")
_US_EMAIL, _US_SMS, _BULK = "OPT-EMAIL-US", "OPT-SMS-US", "OPT-2D"
_OBJECTIONS = ("OBJ-DM", "OBJ-DM-GB")
_LAWS = (*_OBJECTIONS, _US_EMAIL, _US_SMS, _BULK)
"""Rows of the catalogue that lend their sources, in the order in which they are asked."""

_NAME = re.compile(r"\{(\w+)\}")
_LAST_US_ZONE = "Pacific/Honolulu"
_NO_CHANNEL = "no channel recorded"

_UNKNOWN = "unknown_scope"
_BEFORE_KNOWN, _SCANNER = "before_known", "maybe_machine"
_ALLOWED = ("wrong_scope", "allowed_class")
"""Cases of messages that may go out."""

_NO_RULE = ("queued_before", _BEFORE_KNOWN, _UNKNOWN, *_ALLOWED)
"""Cases in which no rule would help: what had gone out cannot be stopped any more, and the others may go out."""

_SAID = {"message_complained": "spam complaint"}
"""Noes that a sentence calls otherwise than by their kind."""

TEXTS = {
    "breach": "{count} after {no}.",
    "late": "{count} after {no}, later than the {grace} that a sender has.",
    "queued_before": "{count} had been handed over for sending before {no}.",
    "within_grace": "{count} within the {grace} that a sender has for acting on {no}.",
    _BEFORE_KNOWN: "{count} after {no}, which was recorded on {recorded} only: nobody could know of it before.",
    _SCANNER: "{count} after {no}, which may have been made by a link scanner and not by the customer: it {sign}.",
    "wrong_scope": "{count} {days} after {no}, which was about {stopped}, not about {sent}.",
    _UNKNOWN: "Cannot tell whether {no} is about {count}: it was about {stopped}, which nothing says of what was sent.",
    "allowed_class": "{count} about orders or service after {no}; an opt-out from marketing does not stop these.",
}


class AfterOptOut(Check):
    """Marketing after a no, told apart by case."""

    id = "after-opt-out"
    subject_names = "channel"
    offers_opt_out = False
    alike = "channel"
    slow = True

    def detect(self, context: CheckContext) -> pl.DataFrame:
        """Messages sent while a no is in force or after one that does not bear on them, by channel and case.

        A no bears on a message when each of its channel, sender and list is absent or the message's own, and its topics
        are absent or shared; a complaint has the channel and sender of its message, and no list. A no is in force until a
        later yes that bears on the message. Where the message lacks what the act names, nobody can tell. A no that was recorded after a message went
        out was not known then; one that a scanner may have made is honoured all the same, and no breach.
        """
        if context.said["kind"].is_in(OPT_INS).all():
            return nothing_detected()
        after = _after_opt_out(context)
        judged = after.with_columns(_late(self.thresholds)).with_columns(
            _case().alias("case"), _law().alias("law")
        )
        return _detected(judged, self.thresholds["severity"])

    def excluded_events(self, context: CheckContext, finding: Finding) -> Iterable[ExcludedEvents]:
        """Messages of the channel before the no, and those of other cases."""
        of_channel = pl.col("channel").fill_null(_NO_CHANNEL) == finding["subject"]
        return split_at_cause(
            context,
            finding,
            context.messages.filter(of_channel),
            before="before the no",
            after="of another case, or after a yes",
        )


def _after_opt_out(context: CheckContext) -> pl.DataFrame:
    """Every message after a no, with that no (`act_*`: the oldest in force, else one that may bear, else another)."""
    acts = context.said.select(
        "customer_id",
        pl.col("event_id").alias("act_id"),
        pl.col("occurred_at").alias("act_at"),
        pl.col("kind").alias("act"),
        pl.col("recorded_at").alias("act_recorded_at"),
        "scanner",
        pl.col("machine").fill_null(value=False).alias("act_marked"),
        *(pl.col(name).alias(f"act_{name}") for name in SCOPE),
    )
    is_no = ~pl.col("act").is_in(OPT_INS)
    opted_out = acts.filter(is_no).select("customer_id").unique()
    messages = _with_law_country(context, context.messages.join(opted_out, on="customer_id", how="semi"))
    pairs = (
        messages.join(acts, on="customer_id", how="inner")
        .filter(comes_before_expr("act_at", "act_id", "occurred_at", "event_id"))
        .sort(*_MESSAGE, "act_at", "act_id")
        .with_columns(bears=bears_on_expr(), may_bear=may_bear_on_expr())
        .with_columns(pl.int_range(pl.len()).over(_MESSAGE).alias("nth"))
    )
    is_opt_in = pl.col("bears") & pl.col("act").is_in(OPT_INS)
    newest_opt_in = pl.col("nth").filter(is_opt_in).max().over(_MESSAGE).fill_null(-1)
    known = pl.coalesce("act_recorded_at", "act_at") <= pl.col("occurred_at")
    opt_outs = pairs.filter(is_no & (pl.col("nth") > newest_opt_in)).with_columns(
        known=(known & pl.col("bears")).any().over(_MESSAGE),
        said_by_person=(~pl.col("scanner") & pl.col("bears")).any().over(_MESSAGE),
    )
    weight = [*_MESSAGE, "bears", "may_bear", "nth"]
    by_weight = opt_outs.sort(weight, descending=[False, False, True, True, False])
    return _with_queued(context, by_weight.unique(_MESSAGE, keep="first", maintain_order=True))


def _with_law_country(context: CheckContext, messages: pl.DataFrame) -> pl.DataFrame:
    """Add `law_country`: the message's country, else the customer's newest known one."""
    newest = (
        context.events.select("customer_id", "country")
        .drop_nulls()
        .group_by("customer_id")
        .agg(pl.col("country").last().alias("customer_country"))
    )
    return messages.join(newest, on="customer_id", how="left").with_columns(
        pl.coalesce("country", "customer_country").alias("law_country")
    )


def _with_queued(context: CheckContext, rows: pl.DataFrame) -> pl.DataFrame:
    """Add `queued`: the message was handed over before the no."""
    attempts = (
        context.of_kind("message_attempted")
        .drop_nulls("message_id")
        .group_by("customer_id", "message_id")
        .agg(pl.col("occurred_at").min().alias("attempted_at"))
    )
    return rows.join(attempts, on=["customer_id", "message_id"], how="left").with_columns(
        (pl.col("attempted_at") < pl.col("act_at")).fill_null(value=False).alias("queued")
    )


def _late(thresholds: Mapping[str, Any]) -> list[pl.Expr]:
    """The columns `grace` (how many days or hours a text gives; null where none does), `late` (they are over, or there
    are none) and `stale` (so are the hours of the industry rules).

    Ten US business days end when their last day is over in every US zone. The GDPR gives no days, of whatever kind the
    no is; the industry rules speak of bulk mail, and where a law does, it is asked alone.
    """
    calendar = catalogue.data("us_federal_holidays.toml")
    opted_out_on = pl.col("act_at").dt.date()
    last_day = opted_out_on.dt.add_business_days(
        thresholds["business_days"], holidays=calendar["days"], roll="backward"
    )
    sent_on = pl.col("occurred_at").dt.convert_time_zone(_LAST_US_ZONE).dt.date()
    by_business_days = (
        pl.col("law_country").is_in(countries(_US_EMAIL))
        & pl.col("channel").is_in(["email", "sms"])
        & opted_out_on.is_between(calendar["from"], calendar["until"])
    )
    objection_countries = frozenset[str]().union(*map(countries, _OBJECTIONS))
    by_hours = (
        (pl.col("channel") == "email")
        & ~pl.col("law_country").is_in(objection_countries).fill_null(value=False)
        & _applies(catalogue.row(_BULK))
    )
    stale = pl.col("occurred_at") - pl.col("act_at") > timedelta(hours=thresholds["hours"])
    grace = {
        f"{thresholds['business_days']} business days": by_business_days.fill_null(value=False),
        f"{thresholds['hours']} hours": by_hours.fill_null(value=False),
    }
    late = (
        pl.when(by_business_days.fill_null(value=False))
        .then(sent_on > last_day)
        .otherwise(stale | ~by_hours.fill_null(value=False))
    )
    return [late.alias("late"), stale.alias("stale"), first_label(grace).alias("grace")]


def _case() -> pl.Expr:
    marketing = is_marketing_expr()
    cases = {
        "allowed_class": ~marketing,
        "queued_before": pl.col("queued") & ~(pl.col("late") & pl.col("stale")),
        _BEFORE_KNOWN: ~pl.col("known"),
        "within_grace": ~pl.col("late"),
        _SCANNER: ~pl.col("said_by_person"),
    }
    in_scope = first_label(cases, "breach")
    out_of_scope = pl.when("may_bear").then(pl.lit(_UNKNOWN)).otherwise(pl.lit("wrong_scope"))
    return pl.when("bears").then(in_scope).when(marketing).then(out_of_scope)


def _law() -> pl.Expr:
    """The row of the catalogue that speaks of this message; null where none does."""
    is_email = pl.col("channel") == "email"
    scope = {_US_EMAIL: is_email, _US_SMS: pl.col("channel") == "sms", _BULK: is_email}
    return pl.coalesce(
        pl.when(
            _applies(catalogue.row(law)) & scope.get(law, pl.lit(value=True)).fill_null(value=False)
        ).then(pl.lit(law))
        for law in _LAWS
    )


def _applies(law: CatalogueRow) -> pl.Expr:
    in_its_countries = (
        pl.col("law_country").is_in(countries(law.id)).fill_null(value=False)
        if law.jurisdiction
        else pl.lit(value=True)
    )
    begins, ends = law.effective_from or date.min, law.effective_until or date.max
    return in_its_countries & pl.col("occurred_at").dt.date().is_between(begins, ends)


def _detected(judged: pl.DataFrame, severities: Mapping[str, str]) -> pl.DataFrame:
    laws = {law: catalogue.row(law) for law in _LAWS}
    strict = [law for law, row in laws.items() if row.max_verdict == "breach"]
    sources = pl.DataFrame({"law": list(laws), "law_sources": [list(row.sources) for row in laws.values()]})
    rows = (
        judged.drop_nulls("case")
        .sort("customer_id", *ORDER)
        .join(sources, on="law", how="left", maintain_order="left")
        .group_by("customer_id", "channel", "case", maintain_order=True)
        .agg(
            *message_columns(),
            pl.col("act_id").unique(maintain_order=True).alias("cause"),
            pl.col("grace").is_not_null().all().alias("has_grace"),
            pl.col("grace").drop_nulls().unique(maintain_order=True).str.join(" or "),
            day(pl.col("act_at").first()).alias("opted_out_on"),
            *(
                _named(side).unique(maintain_order=True).str.join(" or ").alias(side)
                for side in ("stopped", "sent")
            ),
            pl.col("act").first().replace(_SAID).str.replace_all("_", " ", literal=True),
            day(pl.col("act_recorded_at").max()).alias("recorded"),
            _sign().first().alias("sign"),
            (pl.col("law").is_in(strict) & (pl.col("act") != COMPLAINT)).any().alias("strict"),
            pl.col("law_sources").drop_nulls().explode().unique(maintain_order=True).alias("sources"),
        )
    )
    has_sources = pl.col("sources").list.len() > 0
    strict_breach = (pl.col("case") == "breach") & pl.col("strict")
    return detected(
        rows.with_columns(rule_column(rows, ("channel",), _rule)),
        subject=pl.col("channel").fill_null(_NO_CHANNEL),
        text=_text(),
        severity=pl.col("case").replace_strict(severities),
        verdict=pl.when(strict_breach)
        .then(pl.lit("breach"))
        .when(pl.col("case") == _UNKNOWN)
        .then(pl.lit("cannot_tell"))
        .when(pl.col("case").is_in(_ALLOWED))
        .then(pl.lit("allowed"))
        .otherwise(pl.lit("risk")),
        sources=pl.when(has_sources).then("sources").otherwise(pl.lit([catalogue.OWN_YARDSTICK])),
        rule=pl.when(~pl.col("case").is_in(_NO_RULE)).then("rule"),
    )


def _named(side: str) -> pl.Expr:
    """What a no names and its message does not share: as the no has it (`stopped`), or as the message has it (`sent`)."""
    prefix = "act_" if side == "stopped" else ""
    parts = [
        (covers_expr("act_channel", "channel"), _messages_of(pl.col(f"{prefix}channel"))),
        (covers_expr("act_sender", "sender"), pl.format("the sender {}", f"{prefix}sender")),
        (covers_expr("act_list_id", "list_id"), pl.format("the list “{}”", f"{prefix}list_id")),
        (
            shares_topic_expr("act_topics", "topics"),
            pl.format("the topic {}", pl.col(f"{prefix}topics").list.join(", ")),
        ),
    ]
    different = [pl.when(~shared).then(words) for shared, words in parts]
    return pl.concat_str(different, separator=" and ", ignore_nulls=True)


def _messages_of(channel: pl.Expr) -> pl.Expr:
    """What the messages of a channel are called."""
    nouns = {name: f"{noun}s" for name, noun in MESSAGE_NOUNS.items()}
    return channel.replace_strict(nouns, default=pl.format("messages by {}", channel))


def _text() -> pl.Expr:
    """The sentence of each case; a breach is late where there are days of grace. Several noes: the first of them."""
    noes = pl.col("cause").list.len()
    named = pl.format("{} ({})", "opted_out_on", "act")
    no = pl.when(noes == 1).then(pl.format("the opt-out of {}", named))
    parts = {
        "count": message_count(pl.col("channel")),
        "no": no.otherwise(pl.format("{} opt-outs, the first of {}", noes, named)),
        "days": days(),
        **{name: pl.col(name) for name in ("grace", "recorded", "sign", "stopped", "sent")},
    }
    told_as = (
        pl.when((pl.col("case") == "breach") & pl.col("has_grace")).then(pl.lit("late")).otherwise("case")
    )
    return pl.coalesce(
        pl.when(told_as == case).then(
            pl.format(_NAME.sub("{}", text), *(parts[name] for name in _NAME.findall(text)))
        )
        for case, text in TEXTS.items()
    )


def _sign() -> pl.Expr:
    """By what one sees that a scanner may have made an opt-out."""
    looks = pl.lit("came within seconds of a message, or with clicks on many links at once")
    return pl.when("act_marked").then(pl.lit("is marked as made by a machine")).otherwise(looks)


def _rule(channel: str | None) -> dict[str, Any]:
    return {
        "id": f"honour-opt-outs-{slug(channel) if channel else 'all'}",
        "kind": "consent",
        "title": f"No marketing{f' by {channel}' if channel else ''} after an opt-out, from that moment on",
        **({"channels": [channel]} if channel else {}),
        "grace": "0d",
    }
