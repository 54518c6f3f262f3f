"""A logged decision that nothing in the history accounts for, where the data would hold it."""

from collections.abc import Iterable
from datetime import datetime

import polars as pl

from audit.events.schema import BEHAVIOUR
from audit.findings.check import (
    ExcludedEvents,
    Finding,
    NoActCheck,
    acts_about_something_else,
)
from audit.findings.check_context import ORDER, CheckContext, newest_before, with_area
from audit.findings.checks.lookalike_segment import (
    detected_segments,
    unsupported_segments,
    with_messages,
)
from audit.findings.schema import (
    ABOUT,
    category_name,
    day,
    detected,
    message_columns,
    message_count,
)
from audit.findings.suggested_rule import mute_category_column
from audit.population.coverage import would_explain
from audit.why import data_sufficiency
from audit.why.model import Reason

_BOUGHT = "From a third party, and nothing in the history explains it"
_BOUGHT_UNCOVERED = "From a third party; what else led to it, this data cannot tell"
"""Titles of a segment that others sold: the data covers what would explain it, or does not."""

_STEM_LETTERS = 5
_WORD = rf"\p{{L}}{{{_STEM_LETTERS},}}"


class Unexplained(NoActCheck):
    """Nothing that we know of is behind it."""

    id = "unexplained"
    alike = "matter"
    customers_ask = False
    finds_no_cause = True

    def detect(self, context: CheckContext) -> pl.DataFrame:
        """Segments of third parties, segments without a supporting act, and messages nothing earlier accounts for."""
        third_party = context.segments.filter(pl.col("source") == "third_party")
        text = 'Nothing in this data explains the segment "{}" of {}.'
        return pl.concat(
            [
                _third_party(third_party, context),
                _segments(unsupported_segments(context), context, "segment", text),
                _messages(_unsupported_messages(context)),
            ]
        )

    def beside_events(self, context: CheckContext, finding: Finding) -> Reason | None:
        """No act that fits, where the data would hold one."""
        decided = context.events.filter(pl.col("event_id").is_in(finding["cause"]))["occurred_at"].min()
        at = decided if isinstance(decided, datetime) else finding["from"]
        covered, _ = data_sufficiency.of_a_message(context.population.coverage, at)
        return super().beside_events(context, finding) if covered else None

    def excluded_events(self, context: CheckContext, finding: Finding) -> Iterable[ExcludedEvents]:
        """The customer's acts before it."""
        return acts_about_something_else(context, finding)


def _third_party(segments: pl.DataFrame, context: CheckContext) -> pl.DataFrame:
    """Segments that others sold, and whether the data would hold acts of the customer's own that are behind them."""
    covered = would_explain(context.population.coverage, pl.col("occurred_at"))
    unknown = pl.lit("whether acts of the customer led to it, this data cannot tell")
    acts = pl.when(covered).then(pl.lit("nothing in this data explains it")).otherwise(unknown)
    title = pl.when(covered).then(pl.lit(_BOUGHT)).otherwise(pl.lit(_BOUGHT_UNCOVERED)).alias("title")
    text = 'The segment "{}" of {} came from a third party: {}.'
    return _segments(segments.with_columns(title), context, "third_party", text, acts)


def _segments(
    segments: pl.DataFrame, context: CheckContext, case: str, template: str, *more: pl.Expr
) -> pl.DataFrame:
    text = pl.format(template, pl.lit(ABOUT), day(pl.col("occurred_at")), *more)
    rows = with_messages(segments, context)
    return detected_segments(rows, case, text)


def _messages(unsupported: pl.DataFrame) -> pl.DataFrame:
    rows = unsupported.group_by("customer_id", "category", maintain_order=True).agg(
        *message_columns(),
        pl.when(pl.col("channel").n_unique() == 1).then(pl.col("channel").first()).alias("channel"),
        pl.col("trigger").is_not_null().any().alias("stated"),
    )
    stated = (
        pl.when(pl.col("stated"))
        .then(pl.lit(", not even the act that the sender states"))
        .otherwise(pl.lit(""))
    )
    text = pl.format(
        "{} about {}: nothing in this data explains it{}.",
        message_count(pl.col("channel")), pl.lit(ABOUT), stated,
    )  # fmt: skip
    return detected(
        rows,
        case=pl.lit("message"),
        subject="category",
        about=category_name(pl.col("category")),
        text=text,
        rule=mute_category_column(rows, "category"),
    )


def _unsupported_messages(context: CheckContext) -> pl.DataFrame:
    """Marketing to nobody's list, about a known item or category, that nothing earlier in the history accounts for.

    An earlier act accounts for it in the same first level of the category, by a search with a word in common, or
    by an item that people buy together with it. A message whose sender states an act as its trigger is judged too.
    """
    candidates = context.mailings.filter(
        pl.col("list_id").is_null(),
        pl.col("known_trigger").is_null() | pl.col("known_trigger").is_in(BEHAVIOUR),
        pl.col("category").is_not_null(),
        would_explain(context.population.coverage, pl.col("occurred_at")),
    )
    acts = with_area(context.acts_of(candidates), 1)
    rows = newest_before(with_area(candidates, 1), acts, ["customer_id", "area"])
    messages = rows.filter(pl.col("act_id").is_null()).drop("act_id", "act_at")
    for supported in (_searched_for(messages, context), _bought_together(messages, context)):
        messages = messages.join(supported, on=["customer_id", "event_id"], how="anti", maintain_order="left")
    return messages


def _searched_for(messages: pl.DataFrame, context: CheckContext) -> pl.DataFrame:
    """Those of `messages` (`customer_id, event_id`) with a word in common with an earlier search."""
    subject = pl.concat_str("category", pl.lit(" "), "item_name", ignore_nulls=True)
    queries = context.acts_of(messages).drop_nulls("query")
    searches = (
        queries.select("customer_id", "occurred_at", _stems(pl.col("query")))
        .explode("stem", empty_as_null=True)
        .drop_nulls("stem")
        .group_by("customer_id", "stem")
        .agg(pl.col("occurred_at").min().alias("searched_at"))
    )
    words = messages.select("customer_id", *ORDER, _stems(subject)).explode("stem", empty_as_null=True)
    return (
        words.join(searches, on=["customer_id", "stem"], how="inner")
        .filter(pl.col("searched_at") <= pl.col("occurred_at"))
        .select("customer_id", "event_id")
        .unique()
    )


def _bought_together(messages: pl.DataFrame, context: CheckContext) -> pl.DataFrame:
    """Those of `messages` (`customer_id, event_id`) about an item that people buy with one of an earlier act."""
    if messages["item_id"].is_null().all():
        return messages.clear().select("customer_id", "event_id")
    pairs = context.population.facts.also_bought.select("item_id", "other_id").unique()
    acts = (
        context.acts_of(messages)
        .drop_nulls("item_id")
        .group_by("customer_id", "item_id")
        .agg(pl.col("occurred_at").min().alias("acted_at"))
    )
    partners = (
        messages.drop_nulls("item_id")
        .select("customer_id", *ORDER, "item_id")
        .join(pairs, left_on="item_id", right_on="other_id", how="inner", suffix="_with")
    )
    return (
        partners.join(acts, left_on=["customer_id", "item_id_with"], right_on=["customer_id", "item_id"])
        .filter(pl.col("acted_at") <= pl.col("occurred_at"))
        .select("customer_id", "event_id")
        .unique()
    )


def _stems(text: pl.Expr) -> pl.Expr:
    words = text.str.to_lowercase().str.extract_all(_WORD)
    return words.list.eval(pl.element().str.slice(0, _STEM_LETTERS)).list.unique().alias("stem")
