"""Which acts before a message set those who got its campaign apart; where that is not known, which resemble it."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from audit.events.purchases import with_return
from audit.events.schema import SCHEMA
from audit.events.vocabulary import campaign_expr, campaign_of
from audit.population.audience import FEWEST, Audiences, SetsApart, states
from audit.population.candidate_acts import ACTS
from audit.population.stats import Facts
from audit.why.related_acts import ITEM, KINDS, related_acts

CAUSES: dict[str, pl.DataType] = {
    "message": pl.UInt32(), "act": pl.UInt32(), "level": pl.Int8(), "place": pl.UInt32(),
}  # fmt: skip
"""Positions of a message and of an act before it; `level`: how it resembles the message (`related_acts.LEVELS`), or `place`:
which of the things that set the campaign's recipients apart it is."""

_MOST = 0.5
"""House value: what fewer of a campaign's recipients have is no cause beside an act on the very item."""


def causing_acts(placed: pl.DataFrame, messages: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """The acts before each of `messages` that could be behind it, in the shape of `CAUSES`.

    Of a campaign that enough people got and enough others did not: the acts that set its recipients apart, at equal breadth
    too as far as that can be told, and those on the very item that the message is about, beside which what few recipients have in common is none. Of any other: the acts that resemble it. `placed`: events in order with `act`,
    their position; `messages`: rows of them with `message`, theirs.
    """
    audiences = facts.audiences
    known = campaign_expr().is_in(with_enough_people(audiences).implode()).fill_null(value=False)
    compared, other = messages.filter(known), messages.filter(~known)
    place = pl.lit(None, pl.UInt32).alias("place")
    of_item = related_acts(placed, compared).filter(level=ITEM).with_columns(place)
    apart = _apart(placed, compared, audiences, of_item).with_columns(level=pl.lit(None, pl.Int8))
    first = of_item.join(apart, on=("message", "act"), how="anti")
    parts = (apart, first, related_acts(placed, other, facts.frequent_words).with_columns(place))
    return pl.concat([part.select(*CAUSES).cast(CAUSES) for part in parts])  # type: ignore[arg-type]


def _apart(
    placed: pl.DataFrame, messages: pl.DataFrame, audiences: Audiences, of_item: pl.DataFrame
) -> pl.DataFrame:
    """`acts_set_apart`; of a message that an act `of_item` may be behind only by what most recipients have in common."""
    known = audiences.telling(FEWEST)
    has_item = pl.col("message").is_in(of_item["message"].unique().implode())
    of_most = known.filter(pl.col("recipients_share") >= _MOST)
    parts = ((messages.filter(has_item), of_most), (messages.filter(~has_item), known))
    return pl.concat([acts_set_apart(placed, some, by) for some, by in parts])


def with_enough_people(audiences: Audiences) -> pl.Series:
    """The campaigns of which enough people got one and enough others did not, to tell them apart."""
    enough = audiences.campaigns.filter(pl.min_horizontal("recipients", "others") >= FEWEST)
    return enough["campaign"]


def acts_set_apart(placed: pl.DataFrame, messages: pl.DataFrame, apart: pl.DataFrame) -> pl.DataFrame:
    """`message, act, place` of every act that is one of those that set the message's recipients apart, the likeliest only.

    `placed`, `messages`: as for `causing_acts`; `apart`: what sets them apart, as `Audiences.tellable` gives it.
    """
    sought = apart.select(
        "campaign", "what", "place", key=_key("level", "value", "item_id"),
        reach=pl.duration(days=pl.col("window_days").cast(pl.Int64)),
    )  # fmt: skip
    asked = messages.select(
        "customer_id", "message", campaign_expr().alias("campaign"), sent_at="occurred_at"
    ).join(sought, on="campaign")
    if asked.is_empty():
        return pl.DataFrame(schema={"message": pl.UInt32, "act": pl.UInt32, "place": pl.UInt32})
    own = placed.join(
        asked.select("customer_id").unique(), on="customer_id", how="semi", maintain_order="left"
    )
    keys = asked.select("what", "key").unique()
    return (
        asked.join(pl.concat([_acts(own, keys), _states(own)]), on=("customer_id", "what", "key"))
        .filter(
            pl.col("at") < pl.col("sent_at"),
            (pl.col("at") >= pl.col("sent_at") - pl.col("reach")).fill_null(value=True),
            (pl.col("sent_at") <= pl.col("until")).fill_null(value=True),
        )
        .group_by("message", "act")
        .agg(pl.col("place").min())
    )


def _key(level: str, value: str, item_id: str) -> pl.Expr:
    """What an act has to be about: a category path, an item, or words."""
    return (
        pl.when(pl.col(level).is_not_null())
        .then(pl.concat_str(pl.lit("c"), value))
        .when(pl.col(item_id).is_not_null())
        .then(pl.concat_str(pl.lit("i"), item_id))
        .otherwise(pl.concat_str(pl.lit("v"), value))
    )


def _acts(own: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
    """Each act under every one of `keys` (`what, key`) that it answers to: `customer_id, act, at, until` (an order was
    undone, else null), `what, key`.
    """
    about = ["kind", "category", "item_id", "query"]
    acts = with_return(own.filter(pl.col("kind").is_in(list(ACTS))), own).select(
        "customer_id", "act", *about, at="occurred_at", until="returned_at"
    )
    answers = _answers(acts.select(about).unique()).join(keys, on=("what", "key"), how="semi")
    return acts.join(answers, on=about, nulls_equal=True).select(
        "customer_id", "act", "at", "until", "what", "key"
    )


def _answers(acts: pl.DataFrame) -> pl.DataFrame:
    """Acts (`kind, category, item_id, query`), with `what, key`: each under every key that it answers to."""
    levels = pl.col("category").str.split(" > ")
    deepest = int(acts.select(levels.list.len().max()).item() or 0)
    paths = [levels.list.head(depth).list.join(" > ") for depth in range(1, deepest + 1)]
    words = pl.when(pl.col("category").is_null()).then(pl.col("query").str.to_lowercase().str.strip_chars())
    keys = [pl.concat_str(pl.lit("c"), path) for path in paths]
    keys += [pl.concat_str(pl.lit("i"), "item_id"), pl.concat_str(pl.lit("v"), words)]
    return (
        acts.with_columns(
            what=pl.col("kind").replace_strict(ACTS, return_dtype=pl.String),
            key=pl.concat_list(keys).list.unique(),
        )
        .explode("key", empty_as_null=True)
        .drop_nulls("key")
    )


def _states(own: pl.DataFrame) -> pl.DataFrame:
    """Each state under its key, from the event that began it, until one ended it."""
    held = states(own.lazy()).with_columns(
        pl.from_epoch("until", time_unit="us").dt.replace_time_zone("UTC"),
        key=pl.concat_str(pl.lit("v"), "value"),
    )
    begun = own.select("customer_id", "event_id", "act", at="occurred_at")
    return held.join(begun, on=("customer_id", "event_id")).select(
        "customer_id", "act", "at", "until", "what", "key"
    )


def likely_causes(events: pl.DataFrame, message: Mapping[str, Any], facts: Facts) -> pl.DataFrame:
    """The acts before one `message` (a row) that could be behind it, the likeliest first: rows of `events` with `level, place`.

    What resembles it comes before what sets a campaign's recipients apart: of these campaigns that is the very item alone.
    """
    placed, row = _placed(events, message)
    strength = pl.col("kind").replace_strict(
        {kind: rank for rank, kind in enumerate(KINDS)}, default=len(KINDS), return_dtype=pl.Int8
    )
    return (
        placed.join(causing_acts(placed, row, facts).drop("message"), on="act")
        .sort(
            "level", "place", "occurred_at", strength, "event_id",
            descending=[False, False, True, False, False], nulls_last=True,
        )
        .drop("act")
    )  # fmt: skip


def breadth_behind(events: pl.DataFrame, message: Mapping[str, Any], facts: Facts) -> SetsApart | None:
    """The likeliest of what the customer did before `message` (a row) that recipients did only as they do more different things."""
    alike = facts.audiences.tellable(FEWEST).filter(holds=False)
    places = acts_set_apart(*_placed(events, message), alike)["place"]
    campaign = campaign_of(message["campaign_id"], message["campaign_name"]) or ""
    return None if places.is_empty() else facts.audiences.sets_apart(campaign, FEWEST)[int(places.min())]  # type: ignore[arg-type]


def _placed(events: pl.DataFrame, message: Mapping[str, Any]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The events with `act` and the one message with `message`, their positions."""
    placed = events.with_row_index("act")
    position = placed.filter(pl.col("event_id") == message["event_id"])["act"]
    row = pl.DataFrame([{name: message[name] for name in SCHEMA}], schema=SCHEMA)
    return placed, row.with_columns(message=position)
