"""What every check looks at: the events, the messages that count, the moment."""

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from audit.context import Context
from audit.messages import messages

ONE_ORDER = ("occurred_at", "event_id")


@dataclass(frozen=True)
class Audited:
    """Whole customers under audit; what several checks need is worked out once.

    `events`: canonical, in order, none later than `context.at`.
    """

    events: pl.DataFrame
    context: Context

    @cached_property
    def messages(self) -> pl.DataFrame:
        """`audit.messages.messages` that were sent, each once, of every class."""
        return messages(self.events).filter("sent")

    @cached_property
    def mailings(self) -> pl.DataFrame:
        """The marketing messages that were sent; a message without a class counts as marketing."""
        return self.messages.filter(pl.col("message_class").fill_null("marketing") == "marketing")

    def of_kind(self, *kinds: str) -> pl.DataFrame:
        """The events of these kinds."""
        return self.events.filter(pl.col("kind").is_in(kinds))


def newest_before(rows: pl.DataFrame, acts: pl.DataFrame, by: list[str], take: list[str]) -> pl.DataFrame:
    """To each of `rows` the newest of `acts` that lies before it in order and agrees in `by`.

    `by` begins with customer_id. Both need `by`, occurred_at and event_id. Adds `act_id`, `act_at` and the columns `take` of the act, prefixed
    with `act_`; null where there is none. A row with an absent `by` value finds nothing.
    """
    present = pl.all_horizontal(pl.col(name).is_not_null() for name in by)
    added = {"event_id": "act_id", "occurred_at": "act_at", **{name: f"act_{name}" for name in take}}
    marked = acts.filter(present).select(
        *by,
        *ONE_ORDER,
        *(pl.col(name).alias(to) for name, to in added.items()),
        pl.lit(value=False).alias("_row"),
    )
    both = pl.concat([marked, rows.select(*by, *ONE_ORDER, pl.lit(value=True).alias("_row"))], how="diagonal")
    newest = pl.when(~pl.col("_row")).then(pl.col("_at")).forward_fill().over(by)
    filled = (
        both.filter(present)
        .sort(*by, *ONE_ORDER)
        .with_row_index("_at")
        .with_columns(newest.alias("_newest"))
        .with_columns(pl.col(name).gather(pl.col("_newest")) for name in added.values())
        .filter("_row")
        .select("customer_id", "event_id", *added.values())
    )
    return rows.join(filled, on=["customer_id", "event_id"], how="left", maintain_order="left")
