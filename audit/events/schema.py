"""The canonical event: the one vocabulary of the house.

A frame of events holds *whole customers*: every event of each customer in it, in the order
`(customer_id, occurred_at, event_id)`. Names follow the Segment e-commerce and e-mail specs where they
have one.
"""

from collections.abc import Mapping

import polars as pl

TIME = pl.Datetime("us", "UTC")

SCHEMA: dict[str, pl.DataType] = {
    "event_id": pl.String(),
    "customer_id": pl.String(),
    "occurred_at": TIME,
    "recorded_at": TIME,
    "kind": pl.String(),
    "channel": pl.String(),
    "message_id": pl.String(),
    "message_class": pl.String(),
    "campaign_id": pl.String(),
    "campaign_name": pl.String(),
    "subject": pl.String(),
    "series_step": pl.String(),
    "trigger": pl.String(),
    "reason": pl.String(),
    "item_id": pl.String(),
    "item_name": pl.String(),
    "category": pl.String(),
    "topics": pl.List(pl.String()),
    "query": pl.String(),
    "quantity": pl.Float64(),
    "price": pl.Float64(),
    "currency": pl.String(),
    "order_id": pl.String(),
    "segment_id": pl.String(),
    "placement": pl.String(),
    "experiment_id": pl.String(),
    "variant": pl.String(),
    "list_id": pl.String(),
    "session_id": pl.String(),
    "device_id": pl.String(),
    "persona": pl.String(),
    "recipient": pl.String(),
    "gift": pl.Boolean(),
    "source": pl.String(),
    "source_name": pl.String(),
    "sender": pl.String(),
    "mailbox_provider": pl.String(),
    "purpose": pl.String(),
    "legal_basis": pl.String(),
    "country": pl.String(),
    "time_zone": pl.String(),
    "machine": pl.Boolean(),
    "attributes": pl.String(),
}
"""Column → dtype, in the order they are stored. Times are UTC to the microsecond; `attributes` is a JSON object."""

NEEDED = ("customer_id", "occurred_at", "kind")
"""What a row must bring with it."""

ORDER = ("customer_id", "occurred_at", "event_id")
"""The order of every frame of events; ties in time are broken by event_id as text."""

BEHAVIOUR = (
    "products_searched", "product_viewed", "product_added", "product_removed", "checkout_started",
    "order_completed", "order_refunded", "order_cancelled", "product_reviewed", "wishlist_added",
    "content_consumed", "registry_created", "registry_closed", "profile_updated", "account_linked",
)  # fmt: skip
MESSAGING = (
    "message_attempted", "message_sent", "message_delivered", "message_suppressed", "message_opened",
    "message_clicked", "message_bounced", "message_complained", "message_received",
)  # fmt: skip
CONSENT = (
    "unsubscribed", "subscribed", "objected", "consent_given", "consent_withdrawn", "consent_prompted",
    "privacy_signal",
)  # fmt: skip
PERSONALIZATION = (
    "segment_entered", "segment_left", "segment_snapshot", "recommendation_shown",
    "recommendation_clicked", "ad_shown", "ad_clicked", "data_shared", "decision_made",
    "experiment_assigned",
)  # fmt: skip
REQUESTS = ("access_requested", "erasure_requested", "request_answered", "customer_deceased")

KINDS = (*BEHAVIOUR, *MESSAGING, *CONSENT, *PERSONALIZATION, *REQUESTS)
"""Every kind of event that says something; a row of another kind is quarantined."""

OTHER = "other"
"""The kind of what a map keeps without knowing what it is: no check, segment or rule asks for it."""

MESSAGE_CLASSES = ("marketing", "transactional", "service")
SOURCES = ("first_party", "third_party", "inferred")


def empty() -> pl.DataFrame:
    """A frame of no events, with every column."""
    return pl.DataFrame(schema=SCHEMA)


def conform(events: pl.DataFrame) -> pl.DataFrame:
    """Give `events` every column of the schema, in its order and dtype; absent columns become null."""
    columns = [
        pl.col(name).cast(dtype) if name in events.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in SCHEMA.items()
    ]
    return events.select(columns)


def in_order(events: pl.DataFrame) -> pl.DataFrame:
    """Sort whole customers into `ORDER`."""
    return events.sort(ORDER)


def under(category: pl.Expr, scope: str) -> pl.Expr:
    """Whether a category path is `scope` or lies under it: `Beauty > Nails` covers `Beauty > Nails > Clippers`."""
    return (category == scope) | category.str.starts_with(f"{scope} > ")


def first_levels(category: pl.Expr, depth: int) -> pl.Expr:
    """The first `depth` levels of a category path."""
    return category.str.split(" > ").list.head(depth).list.join(" > ")


def first_label(conditions: Mapping[str, pl.Expr], otherwise: str | None = None) -> pl.Expr:
    """The first label whose condition holds (one that is null does not), else `otherwise`."""
    labels = (pl.when(condition).then(pl.lit(label)) for label, condition in conditions.items())
    return pl.coalesce(*labels, pl.lit(otherwise, pl.String))
