"""Why an item is recommended: what the sender recorded, and what our strategies give."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import polars as pl

from audit import recommend
from audit.context import Context
from audit.errors import NotFoundError
from audit.recommend.strip import ACTS, READ
from audit.why import counterfactual, leaves
from audit.why.candidates import candidates
from audit.why.counterfactual import Decide, Removal
from audit.why.end import End
from audit.why.model import Counterfactual, Explanation, Reason, Standing, Subject
from audit.why.words import MASK, Voice

_NOT_SEEN = "our reconstruction; the customer did not see this"
_STANDINGS: tuple[Standing, ...] = ("stated", "derived", "inferred", "unexplained")

_SHORT = 250
"""House value: so few acts are looked through whole. In a longer history the sets smaller than one of two events or more
are too many to be tried, so nothing is lost by looking among a part of it."""


def item(events: pl.DataFrame, context: Context, ident: str, *, names_sensitive: bool = False) -> Explanation:
    """Explain why the item `ident` is recommended to the customer of `events`, by whatever strategy.

    Raises NotFoundError if it is recommended by nobody at `context.at`.
    """
    strips = recommend.strips(events, context)
    rows = strips.filter(pl.col("item_id") == ident).to_dicts()
    if not rows:
        known = ", ".join(strips["item_id"].unique(maintain_order=True)) or "none"
        raise NotFoundError(f"item {ident!r} is not recommended to this customer; there are: {known}")
    voice = Voice(names_sensitive=names_sensitive)
    reasons = [reason for row in rows for reason in _reasons(events, row, voice)]
    derived = any(row["derived"] for row in rows)
    shown = events.filter(pl.col("event_id").is_in([one for row in rows for one in row["shown"] or ()]))
    if not derived:
        reasons += _behind(events, shown, voice)
    hidden = any(voice.hides(act) for act in events.filter(pl.col("item_id") == ident).iter_rows(named=True))
    return Explanation(
        customer=rows[0]["customer_id"],
        at=context.at,
        subject=Subject(
            "item",
            ident,
            MASK if hidden else rows[0]["title"] or ident,
            shown.item(0, "occurred_at") if shown.height else None,
        ),
        standing=next(one for one in _STANDINGS if any(row["standing"] == one for row in rows)),
        because=tuple(reasons),
        end=End(_until(rows), "at_latest") if derived else End(None, "shown"),
        counterfactual=_without(events, context, ident, rows) if derived else None,
    )


def _reasons(events: pl.DataFrame, row: dict[str, Any], voice: Voice) -> list[Reason]:
    """What one strategy, the sender's or ours, says, and the acts behind it."""
    ids = [*(row["evidence"] if row["derived"] else ()), *(row["shown"] or ())]
    acts = events.filter(pl.col("event_id").is_in(ids)).to_dicts()[::-1]
    hidden = any(voice.hides(act) for act in acts)
    says = "" if hidden or not row["reason"] else f": {row['reason']}"
    if row["logged"] and not row["derived"]:
        text = f"the sender recorded that it was shown{says}"
    elif row["logged"]:
        text = f"the sender recorded that it was shown, and our definition gives it{says}"
    else:
        text = f"our definition gives it{says} ({_NOT_SEEN})"
    behind = tuple(leaves.together(voice, acts))
    return [Reason(text, tuple(ids), because=behind, facts={"strategy": row["strategy"]})]


def _behind(events: pl.DataFrame, shown: pl.DataFrame, voice: Voice) -> list[Reason]:
    """What the customer did before it was first shown that could be behind it."""
    return leaves.could_be(voice, candidates(events, shown.row(0, named=True))) if shown.height else []


def _until(rows: list[dict[str, Any]]) -> datetime | None:
    """When the last strategy of ours that gives it does so no more; None if one of them never ends."""
    ends = [row["until"] for row in rows if row["derived"]]
    return None if None in ends else max(ends)


def _without(
    events: pl.DataFrame, context: Context, ident: str, rows: list[dict[str, Any]]
) -> Counterfactual | None:
    """Looked for among the strategies that give it, and tried with all: what then steps in is looked at too."""
    acts = events.filter(pl.col("occurred_at") <= context.at).select(ACTS)
    plain, known = recommend.prepared(acts.filter(pl.col("kind").is_in(READ)), context)
    added = counterfactual.event(events, kind="order_completed", occurred_at=context.at, item_id=ident)
    giving = {row["strategy"] for row in rows if row["derived"]}
    while True:
        found = _removal(plain, known, ident, giving)
        without, with_it = _tried(acts, context, () if found is None else found.events, added)
        more = set(without.filter(pl.col("item_id") == ident)["strategy"]) - giving
        if found is None or not more:
            break
        giving |= more
    ends = with_it.filter(pl.col("item_id") == ident).is_empty()
    said = counterfactual.said(found, added if ends else None, "no strategy of ours would recommend it")
    if said is None or found is None:
        return said
    before = recommend.derive(acts, context, giving)
    return replace(said, instead=tuple(_instead(before, without, ident)))


def _removal(acts: pl.DataFrame, known: Context, ident: str, giving: Collection[str]) -> Removal | None:
    """Looked for among the acts that can matter; what is found is then tried with all."""
    decide = _decide(known, ident, giving)
    if giving == {"buy_again"}:
        acts = acts.filter(pl.col("kind") == "order_completed")
    if acts.height > _SHORT:
        near = recommend.vying(acts, known, ident, giving)
        found = counterfactual.removal(near, decide, rows=acts.height)
        if found is not None and counterfactual.holds_for(acts, decide, found):
            return found
    return counterfactual.removal(acts, decide)


def _decide(known: Context, ident: str, strategies: Collection[str]) -> Decide:
    def decide(copies: pl.DataFrame) -> dict[str, list[str]]:
        given = recommend.given(copies, known, strategies, ident)
        by_customer = given.explode("evidence", empty_as_null=True).group_by(
            "customer_id", maintain_order=True
        )
        return dict(by_customer.agg(pl.col("evidence").drop_nulls()).rows())

    return decide


def _tried(
    acts: pl.DataFrame, known: Context, removed: Sequence[str], added: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """All strips without the events `removed`, and all strips had `added` happened too."""
    left = acts.filter(~pl.col("event_id").is_in(list(removed)))
    more = pl.concat([acts, added.select(ACTS)]).sort("occurred_at", "event_id")
    both = [
        one.with_columns(pl.lit(name).alias("customer_id")) for name, one in (("c#0", left), ("c#1", more))
    ]
    strips = recommend.derive(pl.concat(both), known)
    return strips.filter(pl.col("customer_id") == "c#0"), strips.filter(pl.col("customer_id") == "c#1")


def _instead(before: pl.DataFrame, after: pl.DataFrame, ident: str) -> Iterator[dict[str, str]]:
    """What stands afterwards at the place that `ident` had in each strip; nothing where the strip has become shorter."""
    there = pl.int_range(pl.len()).over("strategy").alias("rank")
    places = before.with_columns(there).filter(pl.col("item_id") == ident).select("strategy", "rank")
    now = places.join(after.with_columns(there), on=("strategy", "rank"), maintain_order="left")
    return now.select("strategy", "item_id", "title").iter_rows(named=True)
