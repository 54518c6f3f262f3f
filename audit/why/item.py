"""Why an item is recommended: what the sender recorded, and what our strategies give."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from typing import Any

import polars as pl

from audit import recommendations
from audit.errors import NotFoundError
from audit.population.context import Context
from audit.recommendations import Reconstruction
from audit.why import counterfactual, excluded
from audit.why import reasons as leaves
from audit.why.candidates import candidates
from audit.why.expiry import End
from audit.why.minimal_removal import Removal
from audit.why.model import Counterfactual, Explanation, Reason, Standing, Subject
from audit.why.what_if_trials import Decide, Gone, by_copies
from audit.why.wording import MASK, Voice

_NOT_SEEN = "our reconstruction; the customer did not see this"
_STANDINGS: tuple[Standing, ...] = ("stated", "derived", "inferred", "unexplained")

_SHORT = 250
"""House value: so few acts are looked through whole. In a longer history the sets smaller than one of two events or more
are too many to be tried, so nothing is lost by looking among a part of it."""


def item(
    events: pl.DataFrame,
    context: Context,
    ident: str,
    *,
    names_sensitive: bool = False,
    made: Reconstruction | None = None,
) -> Explanation:
    """Explain why the item `ident` is recommended to the customer of `events`, by whatever strategy.

    `made`: what is recommended to them, where the caller asks about several items. Raises NotFoundError if the item is
    recommended by nobody at `context.at`.
    """
    made = made or Reconstruction(events, context)
    strips = made.strips
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
        counterfactual=_without(made, ident, rows) if derived else None,
        left_out=tuple(_left_out(made, ident, rows, voice)) if derived else (),
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


def _left_out(made: Reconstruction, ident: str, rows: list[dict[str, Any]], voice: Voice) -> Iterator[Reason]:
    """The customer's other things that go with it and do not speak for it."""
    giving = {row["strategy"] for row in rows if row["derived"]}
    behind = {event for row in rows if row["derived"] for event in row["evidence"]}
    found = recommendations.passed_over(made.acts, made.known, ident, giving, behind)
    return excluded.acts(made.events, found, voice)


def _without(made: Reconstruction, ident: str, rows: list[dict[str, Any]]) -> Counterfactual | None:
    """Looked for among the strategies that give it, and tried with all: what then steps in is looked at too."""
    acts, known = made.acts, made.known
    added = counterfactual.event(acts, kind="order_completed", occurred_at=known.at, item_id=ident)
    more = pl.concat([acts, added]).sort("occurred_at", "event_id")
    giving = {row["strategy"] for row in rows if row["derived"]}
    likely = [event for row in rows if row["derived"] for event in row["evidence"]]
    while True:
        found = _removal(acts, known, ident, giving, likely)
        left = acts if found is None else acts.filter(~pl.col("event_id").is_in(found.events))
        without, with_it = _strips(known, left, more)
        stepped_in = set(without.filter(pl.col("item_id") == ident)["strategy"]) - giving
        if found is None or not stepped_in:
            break
        giving |= stepped_in
    ends = with_it.filter(pl.col("item_id") == ident).is_empty()
    said = counterfactual.said(found, added if ends else None, "no strategy of ours would recommend it")
    if said is None or found is None:
        return said
    instead = recommendations.titled(_instead(made.strips, without, ident), made.all_acts, made.context.facts)
    return replace(said, instead=tuple(instead.select("strategy", "item_id", "title").to_dicts()))


def _removal(
    acts: pl.DataFrame, known: Context, ident: str, giving: Collection[str], likely: Sequence[str]
) -> Removal | None:
    """Looked for among the acts that can matter; what is found is then tried with all."""
    if giving == {"buy_again"}:
        acts = acts.filter(pl.col("kind") == "order_completed")
    each = dict.fromkeys(giving, known)
    decide = _decide(each, ident)
    if acts.height > _SHORT:
        near = recommendations.vying(acts, known, ident, giving)

        holds = recommendations.by_pairs(near.acts, near.known, ident)

        def focus(within: AbstractSet[str]) -> tuple[pl.DataFrame, Gone]:
            own = acts.filter(pl.col("event_id").is_in(list(within)))["item_id"].drop_nulls()
            nearer = recommendations.vying_beside(acts, known, ident, giving, own.unique())
            return nearer, _gone(nearer, near.known, ident, holds)

        among, gone = _decide(near.known, ident), _gone(near.acts, near.known, ident, holds)
        found = counterfactual.removal(
            near.acts, among, rows=acts.height, likely=likely, gone=gone, focus=focus
        )
        of_all = by_copies(acts, lambda copies: recommendations.given_to(copies, each, ident))
        if found is not None and counterfactual.holds_for(acts, decide, found, of_all):
            return found
    holds = recommendations.by_pairs(acts, each, ident)
    return counterfactual.removal(acts, decide, likely=likely, gone=_gone(acts, each, ident, holds))


def _decide(known: Mapping[str, Context], ident: str) -> Decide:
    def decide(copies: pl.DataFrame) -> dict[str, list[str]]:
        given = recommendations.given(copies, known, ident)
        by_customer = given.explode("evidence", empty_as_null=True).group_by(
            "customer_id", maintain_order=True
        )
        return dict(by_customer.agg(pl.col("evidence").drop_nulls()).rows())

    return decide


def _gone(
    acts: pl.DataFrame, known: Mapping[str, Context], ident: str, holds: Mapping[str, recommendations.Holds]
) -> Gone:
    """Asks those strategies that `holds` can ask, and copies of `acts` only where none of them gives the item."""
    rest = {name: context for name, context in known.items() if name not in holds}
    of_copies = by_copies(acts, lambda copies: recommendations.given_to(copies, rest, ident))

    def gone(sets: Sequence[AbstractSet[str]]) -> list[bool]:
        lacking = [not any(held(left_out) for held in holds.values()) for left_out in sets]
        if not rest or not any(lacking):
            return lacking
        open_ = iter(of_copies([left_out for left_out, lacks in zip(sets, lacking, strict=True) if lacks]))
        return [lacks and next(open_) for lacks in lacking]

    return gone


def _strips(known: Context, *histories: pl.DataFrame) -> list[pl.DataFrame]:
    """What all strips hold of each of several histories of one customer: `strategy, item_id`."""
    names = [f"c#{number}" for number in range(len(histories))]
    copies = [
        acts.with_columns(pl.lit(name).alias("customer_id"))
        for name, acts in zip(names, histories, strict=True)
    ]
    strips = recommendations.chosen_of(pl.concat(copies), known)
    return [strips.filter(pl.col("customer_id") == name) for name in names]


def _instead(before: pl.DataFrame, after: pl.DataFrame, ident: str) -> pl.DataFrame:
    """What stands afterwards at the place that `ident` had in each strip; nothing where the strip has become shorter."""
    there = pl.int_range(pl.len()).over("strategy").alias("rank")
    ours = before.filter("derived").sort("score", "item_id", descending=[True, False])
    places = ours.with_columns(there).filter(pl.col("item_id") == ident).select("strategy", "rank")
    return after.with_columns(there).join(places, on=("strategy", "rank"), maintain_order="left")
