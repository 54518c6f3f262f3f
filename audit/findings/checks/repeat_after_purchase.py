"""Mailed about an item or its category after it was bought, before a re-purchase is due."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from audit.events.purchases import ORDER as ORDERED
from audit.events.sensitive_topics import mapped
from audit.findings import catalogue
from audit.findings.check import Check, ExcludedEvents, Finding, split_at_cause
from audit.findings.check_context import ORDER, CheckContext, newest_bought_before
from audit.findings.schema import (
    ABOUT,
    cannot_tell,
    category_name,
    category_title,
    day,
    detected,
    message_columns,
    message_count,
    nothing_detected,
)
from audit.findings.suggested_rule import Rule, quoted, rule_column, slug
from audit.flows import triggers
from audit.population.stats import moments, own_intervals

_SUBJECT_COLUMNS = ("item_id", "category", "topics", "list_id", "known_trigger")
"""What tells what a message is about, or that it is a letter to everybody on a list."""

_ORDER_COLUMNS = (
    "customer_id", *ORDER, "item_id", "item_name", "category", "order_id", "source", "returned_at", "returned_id",
)  # fmt: skip
_KEYS = {"category": "category", "item": "item_id", "kindred": "kin"}
"""Case → the column in which a message and a purchase agree."""

_DEPARTMENT = 1
"""So many levels of a category name a department, which says nothing of what goes with what."""

_MESSAGE_COLUMNS = ("customer_id", *ORDER, *_SUBJECT_COLUMNS, "item_name", "channel", "campaign_id")


class RepeatAfterPurchase(Check):
    """Messages about what was just bought."""

    id = "repeat-after-purchase"
    alike = "matter"

    def detect(self, context: CheckContext) -> pl.DataFrame:
        """Messages after one purchase of the same category (else item) while no re-purchase is due, per category.

        Categories agree when they are equal. A weaker case (`kindred`, low) are messages to no list, and of no other
        trigger than a purchase, about the category above what was bought, or beside it there, below a department: clippers,
        and what one uses with them. Due is: the customer's own median interval between orders of the
        message's item, else of that category (two or more that stand, up to the one before the message), else
        `facts.intervals`, else the fallback, except for consumables, of which nobody can say.
        """
        limits = self.thresholds
        mailings = context.mailings.select(_MESSAGE_COLUMNS)
        orders = context.orders.select(_ORDER_COLUMNS)
        after_orders = [
            rows.with_columns(pl.lit(key).alias("key"), pl.col(key).alias("subject")).drop(
                "kin", strict=False
            )
            for key, rows in _by_key(mailings, orders)
            if rows.height
        ]
        repeats = []
        if after_orders:
            often = pl.concat(after_orders).filter(_often(limits))
            before_due = _with_due(often, orders, context, limits).filter(
                pl.col("occurred_at") - pl.col("act_at") < pl.col("due")
            )
            repeats.append(_detected(before_due, limits))
        return pl.concat([nothing_detected(), *repeats, _cannot_tell(mailings, orders, context, limits)])

    def excluded_events(self, context: CheckContext, finding: Finding) -> Iterable[ExcludedEvents]:
        """Messages about the same category or item."""
        key = _KEYS[finding["case"]]
        if key == "kin":
            kindred = (rows for by, rows in _by_key(context.mailings, context.orders) if by == key)
            messages = pl.concat(kindred).filter(pl.col("kin") == finding["subject"]).sort(*ORDER)
        else:
            messages = context.mailings.filter(pl.col(key) == finding["subject"])
        few = "the next purchase was due, or fewer than {} came after that one"
        figures = (self.thresholds["kindred" if key == "kin" else "messages"],)
        return split_at_cause(
            context, finding, messages, before="before it was bought", after=few, figures=figures
        )

    def counts_until(self, context: CheckContext, finding: Finding) -> datetime | None:
        """When the re-purchase is due of what its last message is about; None where nobody can say.

        After the newest order of it, whether that lies before the message or after it.
        """
        orders = context.orders.select(_ORDER_COLUMNS)
        message = context.mailings.select(_MESSAGE_COLUMNS).filter(
            pl.col("event_id") == finding["messages"][-1]
        )
        at = pl.lit(context.population.at).cast(message.schema["occurred_at"])
        message_now = message.with_columns(at.alias("occurred_at"))
        for _, rows in _by_key(message_now, orders):
            if rows.height:
                with_due = _with_due(rows, orders, context, self.thresholds)
                due_at: datetime | None = with_due.select(pl.col("act_at") + pl.col("due")).item()
                return due_at
        return None


def _by_key(mailings: pl.DataFrame, orders: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """The mailings after an order of what they are about, by what they have in common: the closest, each message once."""
    kindred = mapped(orders, "category", _above(pl.col("category")), "kin")
    stated = mailings["known_trigger"].drop_nulls().unique()
    by_other_acts = [trigger for trigger in stated if not _is_of_a_purchase(trigger)]
    of_its_own = pl.col("known_trigger").is_in(by_other_acts).fill_null(value=False)
    by_purchase = pl.col("list_id").is_null() & ~of_its_own
    for key in ("category", "item_id"):
        rows = _after_order(mailings, orders, key)
        yield key, rows
        mailings = mailings.join(rows, on=["customer_id", "event_id"], how="anti", maintain_order="left")
    for kin in (pl.col("category"), _above(pl.col("category"))):
        rows = _after_order(mailings.filter(by_purchase).with_columns(kin.alias("kin")), kindred, "kin")
        yield "kin", rows
        mailings = mailings.join(rows, on=["customer_id", "event_id"], how="anti", maintain_order="left")


def _is_of_a_purchase(trigger: str) -> bool:
    """Whether what a sender states as the trigger is a purchase, as of cross-selling, and no act of its own."""
    definition = triggers.named(trigger)
    return definition is not None and definition.kinds == (ORDERED,)


def _above(category: pl.Expr) -> pl.Expr:
    """The category above; null where that is a department, or nothing."""
    levels = category.str.split(" > ")
    return pl.when(levels.list.len() > _DEPARTMENT + 1).then(
        levels.list.head(levels.list.len() - 1).list.join(" > ")
    )


def _after_order(mailings: pl.DataFrame, orders: pl.DataFrame, key: str) -> pl.DataFrame:
    """The mailings with an earlier order that has the same `key`; `act_*` is the newest such order."""
    by = ["customer_id", key]
    candidates = mailings.join(orders.select(by).unique(), on=by, how="semi", maintain_order="left")
    rows = newest_bought_before(candidates, orders, by, ["item_id", "item_name", "category", "source"])
    return rows.filter(pl.col("act_id").is_not_null())


def _with_due(
    rows: pl.DataFrame, orders: pl.DataFrame, context: CheckContext, limits: Mapping[str, Any]
) -> pl.DataFrame:
    """Add `due`: so long after the purchase the next one is; null where nobody can say."""
    fallback = timedelta(days=limits["fallback_days"])
    medians = context.population.facts.intervals.select(pl.col("category").alias("act_category"), "median")
    due = pl.coalesce(
        "own_item_id",
        "own_category",
        "median",
        pl.when(~_is_consumable(pl.col("act_category"))).then(pl.lit(fallback, pl.Duration("us"))),
    )
    still_bought = orders.filter(pl.col("returned_at").is_null())
    for key, column in (("item_id", "item_id"), ("category", "act_category")):
        acts = rows.select("customer_id", pl.col(column).alias(key), "act_at").drop_nulls().unique()
        times = moments(still_bought.join(acts, on=["customer_id", key], how="semi"), key)
        intervals = own_intervals(times, acts, key).rename({key: column, "interval": f"own_{key}"})
        rows = rows.join(intervals, on=["customer_id", column, "act_at"], how="left", maintain_order="left")
    return rows.join(medians, on="act_category", how="left", maintain_order="left").with_columns(
        due.alias("due")
    )


def _is_consumable(category: pl.Expr) -> pl.Expr:
    words = [row["word"] for row in catalogue.data("consumables.toml")["consumable"]]
    levels = category.str.to_lowercase().str.split(" > ")
    return levels.list.set_intersection(words).list.len().fill_null(0) > 0


def _often(limits: Mapping[str, Any]) -> pl.Expr:
    """Whether enough messages came after one purchase."""
    needed = pl.when(pl.col("key") == "kin").then(limits["kindred"]).otherwise(limits["messages"])
    return pl.len().over("customer_id", "key", "subject", "act_at") >= needed


def _detected(before_due: pl.DataFrame, limits: Mapping[str, Any]) -> pl.DataFrame:
    often = before_due.filter(_often(limits))
    if often.is_empty():
        return nothing_detected()
    rows = often.group_by("customer_id", "key", "subject", maintain_order=True).agg(
        pl.col("act_category").last().alias("category"),
        pl.col("item_id").last(),
        pl.col("item_name").drop_nulls().last(),
        pl.col("occurred_at").min().alias("first_at"),
        pl.col("occurred_at").max().alias("last_at"),
        pl.len().alias("count"),
        pl.col("event_id").sort_by(*ORDER).alias("messages"),
        pl.col("act_id").unique(maintain_order=True).alias("cause"),
        day(pl.col("act_at").min()).alias("since"),
        pl.col("act_at").n_unique().alias("purchases"),
        (pl.col("act_source") == "inferred").fill_null(value=False).all().alias("unasked"),
        pl.col("act_item_name").drop_nulls().last().alias("bought"),
        pl.when(pl.col("channel").n_unique() == 1).then(pl.col("channel").first()).alias("channel"),
    )
    came = pl.when("unasked").then(pl.lit("sent without an order")).otherwise(pl.lit("bought"))
    number = message_count(pl.col("channel"))
    is_kindred = pl.col("key") == "kin"
    bought = pl.coalesce(
        pl.format("“{}”", "bought"),
        pl.when(is_kindred).then(pl.lit("something of the kind")).otherwise(pl.lit("one")),
    )
    once = pl.format("{} about {} since {} was {} on {}.", number, pl.lit(ABOUT), bought, came, "since")
    more = pl.format(
        "{} about {} soon after {} purchases of the same kind, the first on {}.",
        number, pl.lit(ABOUT), "purchases", "since",
    )  # fmt: skip
    fallback = f"{limits['fallback_days']}d"
    about = pl.when(is_kindred).then("subject").otherwise(pl.col("category").fill_null("subject"))
    item_is_named = (pl.col("purchases") == 1) & pl.col("bought").is_not_null()
    return detected(
        rows,
        text=pl.when(pl.col("purchases") == 1).then(once).otherwise(more),
        about=pl.when(item_is_named)
        .then(about.map_elements(category_title, return_dtype=pl.String))
        .otherwise(category_name(about)),
        title=pl.when("unasked").then(pl.lit("Mailed about what was sent without an order")),
        severity=pl.when(is_kindred)
        .then(pl.lit("low"))
        .when(pl.col("count") >= limits["high_at"])
        .then(pl.lit("high")),
        case=pl.col("key").replace({column: case for case, column in _KEYS.items()}),
        rule=rule_column(rows, ("key", "subject", "item_name"), _rule, fallback=fallback),
    )


def _rule(key: str, subject: str, item_name: str | None, fallback: str) -> Rule:
    is_category = key != "item_id"
    thing = category_title(subject) if is_category else quoted([item_name or subject])
    return {
        "id": f"until-repurchase-{slug(subject)}"
        if is_category
        else f"until-repurchase-item-{slug(subject)}",
        "kind": "cooldown",
        "title": f"Nothing about {thing} until a re-purchase is due",
        "categories" if is_category else "items": [subject],
        "after": "order_completed",
        "same": "category" if is_category else "item",
        **({"depth": subject.count(" > ") + 1} if key == "kin" else {}),
        "window": "repurchase",
        "fallback": fallback,
    }


def _cannot_tell(
    mailings: pl.DataFrame, orders: pl.DataFrame, context: CheckContext, limits: Mapping[str, Any]
) -> pl.DataFrame:
    """Buyers of whose messages none says what it is about, though their campaigns could be mapped."""
    mapped = context.population.campaigns["campaign_id"].drop_nulls()
    without_subject = pl.all_horizontal(pl.col(name).is_null() for name in _SUBJECT_COLUMNS)
    rows = (
        mailings.join(orders.select("customer_id").unique(), on="customer_id", how="semi")
        .filter(without_subject.all().over("customer_id"))
        .filter(~pl.col("campaign_id").is_in(mapped.implode()).fill_null(value=False))
        .group_by("customer_id", maintain_order=True)
        .agg(*message_columns())
        .filter(pl.col("count") >= limits["messages"])
    )
    if rows.is_empty():
        return nothing_detected()
    rows = rows.join(_naming_purchases(rows, context), on="customer_id", how="left", maintain_order="left")
    untold = pl.format(
        "Cannot tell whether {} messages are about something already bought: none says what it is about.",
        "count",
    )
    hint = pl.format(
        " A hint: the subjects of {} of them name what was bought before, {} on {}.",
        "named",
        pl.lit(ABOUT),
        "since",
    )
    text = pl.concat_str(untold, pl.when(pl.col("named") > 0).then(hint).otherwise(pl.lit("")))
    return cannot_tell(
        rows.with_columns(about="item_name"), "messages without category or item", "unmapped", text
    )


def _naming_purchases(rows: pl.DataFrame, context: CheckContext) -> pl.DataFrame:
    """How many of the `messages` of `rows` name, in subject or campaign, all words of a thing bought before them.

    Columns `customer_id, named`, and of the thing that most of them name `item_name, category, since` (a day).
    """
    customer = "customer_id"
    texts = pl.concat_str("subject", "campaign_name", separator=" ", ignore_nulls=True)
    messages = context.mailings.join(
        rows.select(pl.col("messages").explode()), left_on="event_id", right_on="messages"
    ).select(customer, "event_id", "occurred_at", texts.alias("text"))
    texts_said = messages.select(customer, "text").unique().with_columns(_words(pl.col("text")).alias("said"))
    goods = (
        context.orders.join(rows, on=customer, how="semi", maintain_order="left")
        .unique((customer, "item_name"), keep="first", maintain_order=True)
        .select(
            customer, "item_name", "category", pl.col("occurred_at").alias("bought_at"),
            _words(pl.col("item_name")).alias("words"),
        )
        .filter(pl.col("words").list.len() > 0)
    )  # fmt: skip
    named = (
        texts_said.with_columns(pl.col("said").alias("word"))
        .explode("word")
        .join(goods.with_columns(pl.col("words").list.first().alias("word")), on=(customer, "word"))
        .filter(pl.col("words").list.set_difference("said").list.len() == 0)
        .drop("said", "words", "word")
    )
    return (
        messages.join(named, on=(customer, "text"))
        .filter(pl.col("bought_at") < pl.col("occurred_at"))
        .group_by(customer, "item_name")
        .agg(
            pl.len().alias("named"),
            pl.col("category").first(),
            day(pl.col("bought_at").first()).alias("since"),
        )
        .sort("customer_id", "named", "item_name", descending=[False, True, False])
        .unique("customer_id", keep="first", maintain_order=True)
    )


def _words(text: pl.Expr) -> pl.Expr:
    """The words of four letters and more, in lower case and without a plural s."""
    words = text.fill_null("").str.to_lowercase().str.extract_all(r"\p{L}{4,}")
    return words.list.eval(pl.element().str.strip_suffix("s")).list.unique()
