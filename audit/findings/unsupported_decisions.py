"""Which logged decisions no act of the customer supports, where the data would hold such acts."""

import polars as pl

from audit.events.schema import BEHAVIOUR
from audit.findings.check_context import (
    ONE_ORDER,
    Audited,
    newest_before,
    with_area,
)
from audit.why.data_sufficiency import covered

_LETTERS = 5
_TOKEN = rf"\p{{L}}{{{_LETTERS},}}"


def lone_segments(audited: Audited) -> pl.DataFrame:
    """Logged segments, not of a third party, that say what they are about and that no earlier own act supports.

    An act supports a segment when it shares a topic or sensitive topic, or one's category lies under the other's.
    """
    segments = audited.segments.filter(
        (pl.col("source") != "third_party").fill_null(value=True),
        pl.col("topics").list.len().fill_null(0).gt(0)
        | pl.col("category").is_not_null()
        | pl.col("sensitive").is_not_null(),
        covered(audited.context.coverage),
    )
    acts = audited.acts_of(segments).select(
        "customer_id",
        pl.col("occurred_at").alias("act_at"),
        pl.col("category").alias("act_category"),
        pl.col("topics").alias("act_topics"),
        pl.col("sensitive").alias("act_sensitive"),
    )
    shared = pl.col("topics").list.set_intersection("act_topics").list.len().fill_null(0) > 0
    same = (pl.col("sensitive") == pl.col("act_sensitive")).fill_null(value=False)
    one_path = _under("act_category", "category") | _under("category", "act_category")
    supported = (
        segments.select("customer_id", *ONE_ORDER, "category", "topics", "sensitive")
        .join(acts, on="customer_id", how="inner")
        .filter(pl.col("act_at") <= pl.col("occurred_at"), shared | same | one_path.fill_null(value=False))
        .select("customer_id", "event_id")
        .unique()
    )
    return segments.join(supported, on=["customer_id", "event_id"], how="anti", maintain_order="left")


def lone_messages(audited: Audited) -> pl.DataFrame:
    """Marketing to nobody's list, about a known item or category, that nothing earlier in the history accounts for.

    An earlier act accounts for it in the same first level of the category, by a search with a word in common, or
    by an item that people buy together with it. A message whose sender states an act as its trigger is judged too.
    """
    asked = audited.mailings.filter(
        pl.col("list_id").is_null(),
        pl.col("known_trigger").is_null() | pl.col("known_trigger").is_in(BEHAVIOUR),
        pl.col("category").is_not_null(),
        covered(audited.context.coverage),
    )
    acts = with_area(audited.acts_of(asked), 1)
    alone = newest_before(with_area(asked, 1), acts, ["customer_id", "area"], []).filter(
        pl.col("act_id").is_null()
    )
    alone = alone.drop("act_id", "act_at")
    for known in (_searched(alone, audited), _bought_together(alone, audited)):
        alone = alone.join(known, on=["customer_id", "event_id"], how="anti", maintain_order="left")
    return alone


def _under(path: str, scope: str) -> pl.Expr:
    return (pl.col(path) == pl.col(scope)) | pl.col(path).str.starts_with(
        pl.concat_str(pl.col(scope), pl.lit(" > "))
    )


def _searched(rows: pl.DataFrame, audited: Audited) -> pl.DataFrame:
    about = pl.concat_str("category", pl.lit(" "), "item_name", ignore_nulls=True)
    queries = audited.acts_of(rows).drop_nulls("query")
    acts = queries.select("customer_id", *ONE_ORDER, _stems(pl.col("query"))).explode(
        "stem", empty_as_null=True
    )
    asked = rows.select("customer_id", *ONE_ORDER, _stems(about)).explode("stem", empty_as_null=True)
    firsts = (
        acts.drop_nulls("stem")
        .group_by("customer_id", "stem")
        .agg(pl.col("occurred_at").min().alias("searched"))
    )
    joined = asked.join(firsts, on=["customer_id", "stem"], how="inner")
    return (
        joined.filter(pl.col("searched") <= pl.col("occurred_at")).select("customer_id", "event_id").unique()
    )


def _bought_together(rows: pl.DataFrame, audited: Audited) -> pl.DataFrame:
    if rows["item_id"].is_null().all():
        return rows.clear().select("customer_id", "event_id")
    pairs = audited.context.facts.also_bought.select("item_id", "other_id").unique()
    acts = (
        audited.acts_of(rows)
        .drop_nulls("item_id")
        .group_by("customer_id", "item_id")
        .agg(pl.col("occurred_at").min().alias("acted"))
    )
    linked = (
        rows.drop_nulls("item_id")
        .select("customer_id", *ONE_ORDER, "item_id")
        .join(pairs, left_on="item_id", right_on="other_id", how="inner", suffix="_with")
    )
    joined = linked.join(
        acts, left_on=["customer_id", "item_id_with"], right_on=["customer_id", "item_id"], how="inner"
    )
    return joined.filter(pl.col("acted") <= pl.col("occurred_at")).select("customer_id", "event_id").unique()


def _stems(text: pl.Expr) -> pl.Expr:
    words = text.str.to_lowercase().str.extract_all(_TOKEN)
    return words.list.eval(pl.element().str.slice(0, _LETTERS)).list.unique().alias("stem")
