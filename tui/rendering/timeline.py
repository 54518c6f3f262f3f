"""A customer's history as the timeline shows it: a row a message, a row any other event; and mails a week.

Frames in, frames out: nothing here is slow on one customer, and nothing loads polars before it is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.session.view_models import Week

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import polars as pl

WORDS = {
    "products_searched": ("?", "searched"),
    "product_viewed": ("○", "viewed"),
    "product_added": ("+", "put into the cart"),
    "product_removed": ("-", "took out of the cart"),
    "checkout_started": ("+", "went to the checkout"),
    "order_completed": ("●", "bought"),
    "order_refunded": ("-", "sent back"),
    "order_cancelled": ("-", "cancelled"),
    "product_reviewed": ("*", "reviewed"),
    "wishlist_added": ("+", "put onto the wish list"),
    "content_consumed": ("○", "read or watched"),
    "registry_created": ("+", "opened a registry"),
    "registry_closed": ("-", "closed a registry"),
    "unsubscribed": ("✕", "unsubscribed"),
    "objected": ("✕", "objected"),
    "consent_withdrawn": ("✕", "withdrew consent"),
    "subscribed": ("✓", "subscribed"),
    "consent_given": ("✓", "gave consent"),
    "segment_entered": ("◆", "was put into"),
    "segment_left": ("◇", "left"),
    "segment_snapshot": ("◆", "is in"),
    "recommendation_shown": ("▸", "was shown"),
    "recommendation_clicked": ("▸", "clicked on"),
    "ad_shown": ("▸", "was shown an ad"),
    "ad_clicked": ("▸", "clicked on an ad"),
    "customer_deceased": ("✝", "died"),
}
"""Kind → sign and verb; of another kind, its own name is the verb."""

OPT_OUTS = tuple(kind for kind, (sign, _) in WORDS.items() if sign == "✕")
SIGNS = {"order_completed": "●", "product_viewed": "○", **dict.fromkeys(OPT_OUTS, "✕")}
"""What the line of weeks marks."""


def rows(events: pl.DataFrame) -> pl.DataFrame:
    """The timeline of one customer, newest first, in the columns that `tui.session.view_models.Picture` names."""
    import polars as pl

    from audit.events import scanners
    from audit.events.messages import messages
    from audit.events.vocabulary import KEY

    sent = messages(events)
    keyed = events.with_columns(KEY)
    acts = keyed.filter(pl.col("kind").str.starts_with("message_"))
    together = acts.group_by("message_key").agg(pl.col("event_id").alias("events"))
    clicked = acts.filter(pl.col("kind") == "message_clicked", pl.col("machine"))
    guessed = pl.col("attributes").str.contains(scanners.LIKELY, literal=True).fill_null(value=False)
    by_machine = clicked.group_by("message_key").agg(
        pl.when(guessed.any())
        .then(pl.lit(scanners.LIKELY))
        .otherwise(pl.lit("machine click"))
        .alias("by_machine")
    )
    for frame in (together, by_machine):
        sent = sent.join(frame, on="message_key", how="left")
    mails = sent.select(_mail())
    orphans = acts.join(sent.select("message_key"), on="message_key", how="anti").select(_other("mail"))
    other_events = keyed.filter(~pl.col("kind").str.starts_with("message_")).select(_other(None))
    return pl.concat([mails, orphans, other_events]).sort("at", "key", descending=True)


def with_notes(rows: pl.DataFrame, notes: Mapping[str, str]) -> pl.DataFrame:
    """The rows with another note beside those whose key is named, and none beside the others."""
    import polars as pl

    noted = (
        pl.col("key").replace_strict(dict(notes), default="", return_dtype=pl.String) if notes else pl.lit("")
    )
    return rows.with_columns(note=noted)


def _mail() -> list[pl.Expr]:
    import polars as pl

    from audit.events.vocabulary import campaign_expr

    channel = pl.col("channel")
    aside = (
        pl.when(channel.is_null() | (channel == "email"))
        .then(pl.lit(""))
        .otherwise(pl.format(" ({})", channel))
    )
    subject = pl.coalesce("subject", "campaign_name", "campaign_id", pl.lit("a message without a subject"))
    return [
        pl.col("event_id").alias("key"),
        pl.col("events"),
        pl.coalesce("message_id", "event_id").alias("message"),
        campaign_expr().alias("campaign"),
        pl.lit("mail").alias("group"),
        pl.col("occurred_at").alias("at"),
        pl.lit("✉").alias("sign"),
        pl.concat_str(subject, aside.fill_null("")).alias("what"),
        _outcome().alias("note"),
    ]


def _outcome() -> pl.Expr:
    import polars as pl

    from audit.events.vocabulary import ON_PAPER

    return (
        pl.when("complained").then(pl.lit("complained"))
        .when(pl.col("clicked") & pl.col("channel").is_in(ON_PAPER)).then(pl.lit("answered"))
        .when("clicked").then(pl.lit("clicked"))
        .when("bounced").then(pl.lit("bounced"))
        .when("suppressed").then(pl.lit("not sent"))
        .when(~pl.col("sent")).then(pl.lit("attempted"))
        .when(pl.col("by_machine").is_not_null()).then("by_machine")
        .when("opened").then(pl.lit("opened"))
        .when("machine_opened").then(pl.lit("machine open"))
        .otherwise(pl.lit("–"))
    )  # fmt: skip


def _other(group: str | None) -> list[pl.Expr]:
    import polars as pl

    from audit.events.schema import BEHAVIOUR
    from audit.events.vocabulary import campaign_expr

    kind = pl.col("kind")
    kind_name = kind.str.replace_all("_", " ")
    verb = kind.replace_strict(
        {name: words[1] for name, words in WORDS.items()}, default=kind_name, return_dtype=pl.String
    )
    sign = kind.replace_strict(
        {name: words[0] for name, words in WORDS.items()}, default=pl.lit("·"), return_dtype=pl.String
    )
    object_name = pl.coalesce(
        "item_name", "query", "segment_id", "item_id", "subject", "campaign_name", "campaign_id", "list_id", "category",
        "reason", pl.lit(""),
    )  # fmt: skip
    gift = pl.when(pl.col("gift").fill_null(value=False)).then(pl.lit(" (a gift)")).otherwise(pl.lit(""))
    price = pl.format("{} {}", pl.col("price").cast(pl.Decimal(None, 2)), pl.coalesce("currency", pl.lit("")))
    group_by_kind = pl.when(kind.is_in(list(BEHAVIOUR))).then(pl.lit("behaviour")).otherwise(pl.lit("other"))
    return [
        pl.col("event_id").alias("key"),
        pl.concat_list("event_id").alias("events"),
        pl.lit(None, pl.String).alias("message"),
        campaign_expr().alias("campaign"),
        (group_by_kind if group is None else pl.lit(group)).alias("group"),
        pl.col("occurred_at").alias("at"),
        sign.alias("sign"),
        pl.concat_str(verb, pl.lit(" "), object_name, gift).str.strip_chars().alias("what"),
        pl.coalesce(price.str.strip_chars(), "channel", pl.lit("")).alias("note"),
    ]


def weeks(events: pl.DataFrame, at: datetime) -> tuple[Week, ...]:
    """Sent messages by week (Mondays, UTC), from the first event to `at`, with what else happened."""
    from audit.events.messages import weeks as counted

    return tuple(
        Week(week.start, week.messages, "".join(SIGNS[kind] for kind in week.kinds))
        for week in counted(events, at, SIGNS)
    )
