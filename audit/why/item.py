"""Why an item is recommended: what the sender recorded, and what our strategies give."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any

import polars as pl
from msgspec import convert, structs

from audit import recommendations
from audit.errors import NotFoundError
from audit.events.purchases import undone
from audit.population.stats import PopulationContext
from audit.recommendations import STANDINGS, Reconstruction
from audit.recommendations.strategies import strategies
from audit.why import counterfactual, reasons
from audit.why.counterfactual import Removal
from audit.why.expiry import End, end_of_strip
from audit.why.model import Counterfactual, Explanation, Facts, InItsPlace, Reason, Subject
from audit.why.related_acts import GOES_WITH, ITEM, candidates
from audit.why.what_if_trials import Decide, Gone, by_copies
from audit.why.wording import Wording, day, reconstruction

Row = dict[str, Any]


def item(
    events: pl.DataFrame,
    context: PopulationContext,
    ident: str,
    *,
    recommended: Reconstruction | None = None,
) -> Explanation:
    """Explain why the item `ident` is recommended to the customer of `events`, by whatever strategy.

    `recommended`: what is recommended to them, where the caller asks about several items. Raises NotFoundError if the
    item is recommended by nobody at `context.at`.
    """
    recommended = recommended or Reconstruction(events, context)
    placements = recommended.placements
    rows = placements.filter(pl.col("item_id") == ident).to_dicts()
    if not rows:
        ids = ", ".join(placements["item_id"].unique(maintain_order=True)) or "none"
        raise NotFoundError(f"item {ident!r} is not recommended to this customer; there are: {ids}")
    wording = Wording(undone(events))
    because = [*_as_logged(recommended, rows, wording), *_ours(recommended, rows, wording)]
    derived = [row for row in rows if row["derived"]]
    shown_ids = [event for row in rows for event in row["shown"] or ()]
    displays = events.filter(pl.col("event_id").is_in(shown_ids))
    last_shown = displays.item(-1, "occurred_at") if displays.height else None
    return Explanation(
        customer=rows[0]["customer_id"],
        at=context.at,
        subject=Subject("item", ident, rows[0]["title"] or ident, last_shown),
        standing=next(name for name in STANDINGS if any(row["standing"] == name for row in rows)),
        because=tuple({reason.text: reason for reason in because}.values()),
        end=end_of_strip(_until(derived)) if derived else End(None, "shown"),
        counterfactual=reasons.told_by_kind(
            _counterfactual(recommended, ident, derived, wording), events, {ident: rows[0]["title"] or ident}
        )
        if derived
        else None,
        left_out=tuple(_left_out(recommended, rows, wording)),
    )


def _as_logged(recommended: Reconstruction, rows: Sequence[Row], wording: Wording) -> Iterator[Reason]:
    """What the sender recorded of its showings, and what brought the last one about: our strategy of that moment, else what could be."""
    for row in rows:
        if not row["logged"]:
            continue
        says = f"the sender recorded that it was shown: {row['reason']}"
        gave = recommended.as_shown.filter(item_id=row["item_id"], strategy=row["strategy"])
        behind = gave.to_dicts()[0] if gave.height else {"own_items": None, "evidence": []}
        ids = [*behind["evidence"], *row["shown"]]
        yield _rests_on(
            recommended.events, says, behind | {"strategy": row["strategy"], "evidence": ids}, wording
        )
        if gave.is_empty():
            yield from reasons.first_few(reasons.could_be(wording, _candidates(recommended, row)))


def _candidates(recommended: Reconstruction, row: Row) -> pl.DataFrame:
    """What could be behind the last showing: of a strategy that we know, the acts that it goes by; else all that have to do with it."""
    events = recommended.events
    if row["strategy"] not in strategies():
        return candidates(events, events.row(by_predicate=pl.col("event_id") == row["shown"][-1], named=True))
    level = pl.when("same").then(ITEM).otherwise(GOES_WITH).alias("level")
    return recommended.could_be(row).join(events, on="event_id", maintain_order="left").with_columns(level)


def _ours(recommended: Reconstruction, rows: Sequence[Row], wording: Wording) -> Iterator[Reason]:
    """What strategies of ours give at the moment asked about; of what was shown, that is told apart."""
    shown = any(row["logged"] for row in rows)
    lead, alone = "our definition gives it", reconstruction(recommended.context.coverage)
    if shown:
        lead = f"our definition gives it on {day(recommended.context.at)} too"
        alone = "our reconstruction, after it was shown"
    for row in rows:
        if row["derived"] and (not row["logged"] or row["rests_on"] != row["evidence"]):
            text = f"{lead}: {row['ours']} ({alone})"
            reason = _rests_on(recommended.events, text, row | {"evidence": row["rests_on"]}, wording)
            told_already = not row["own_items"] and len(reason.because) == 1
            yield structs.replace(reason, because=()) if told_already else reason


def _rests_on(events: pl.DataFrame, text: str, made: Row, wording: Wording) -> Reason:
    """A reason with the acts behind it (`evidence`): those with the own item that it names, then those that speak for it too."""
    acts = events.filter(pl.col("event_id").is_in(made["evidence"])).to_dicts()[::-1]
    besides = {own["item_id"] for own in (made["own_items"] or ())[1:]}
    leaves = [
        *reasons.grouped(wording, [act for act in acts if act["item_id"] not in besides]),
        *reasons.grouped(wording, [act for act in acts if act["item_id"] in besides], "goes with it too: "),
    ]
    facts = Facts(strategy=made["strategy"])
    return Reason(text, tuple(made["evidence"]), because=tuple(leaves), facts=facts)


def _until(derived: list[Row]) -> datetime | None:
    """When the last strategy of ours that gives it does so no more; None if one of them never ends."""
    ends = [row["until"] for row in derived]
    return None if None in ends else max(ends)


def _left_out(recommended: Reconstruction, rows: Sequence[Row], wording: Wording) -> Iterator[Reason]:
    """The customer's other things that go with it and do not speak for it: of what was shown, when it was, in the strip that the log names."""
    logged = [row for row in rows if row["logged"]]
    acts, moment, giving = recommended.acts, recommended.narrowed, [row for row in rows if row["derived"]]
    if logged:
        acts, moment = recommended.acts_before(logged[0])
        giving = recommended.as_shown.filter(
            item_id=logged[0]["item_id"], strategy=logged[0]["strategy"]
        ).to_dicts()
    evidence = {event for row in giving for event in row["evidence"]}
    strips = {row["strategy"] for row in giving}
    acts = recommendations.excluded_items(acts, moment, rows[0]["item_id"], strips, evidence)
    return reasons.excluded(recommended.events, acts, wording)


def _counterfactual(
    recommended: Reconstruction, ident: str, derived: list[Row], wording: Wording
) -> Counterfactual | None:
    """Looked for among the strategies that give it, and tried with all: what then steps in is looked at too."""
    acts, narrowed = recommended.acts, recommended.narrowed
    order = counterfactual.event(acts, kind="order_completed", occurred_at=narrowed.at, item_id=ident)
    with_order = pl.concat([acts, order]).sort("occurred_at", "event_id")
    giving = {row["strategy"] for row in derived}
    strategies = set(giving)
    likely = [event for row in derived for event in row["rests_on"]]
    while True:
        removed = _removal(acts, narrowed, ident, strategies, likely)
        remaining = acts if removed is None else acts.filter(~pl.col("event_id").is_in(removed.events))
        without_them, with_it = _placements(narrowed, remaining, with_order)
        stepped_in = set(without_them.filter(pl.col("item_id") == ident)["strategy"]) - strategies
        if removed is None or not stepped_in:
            break
        strategies |= stepped_in
    ends = with_it.filter(pl.col("item_id") == ident).is_empty()
    outcome = "no strategy of ours would recommend it"
    proof = counterfactual.from_trials(removed, order if ends else None, outcome)
    if proof is None or removed is None:
        return proof
    instead = _instead(recommended.placements, without_them, ident)
    stepping = ", ".join(f"“{recommendations.title(name)}”" for name in sorted(strategies - giving))
    lead = f"besides, as {stepping} would step in" if stepping else "besides"
    return structs.replace(
        proof,
        besides=reasons.besides(wording, removed.events, likely, recommended.events, lead),
        instead=convert(_told_apart(recommended, instead).to_dicts(), tuple[InItsPlace, ...]),
    )


def _told_apart(recommended: Reconstruction, instead: pl.DataFrame) -> pl.DataFrame:
    """`instead` with its titles, also told apart from those that are recommended now."""
    now = recommended.placements.filter("derived").select(instead.columns)
    together = pl.concat([instead, now]).with_columns(customer_id=pl.lit("c"))
    titled = recommendations.titled(together, recommended.all_acts, recommended.context.facts)
    return titled.head(instead.height)


def _removal(
    acts: pl.DataFrame,
    narrowed: PopulationContext,
    ident: str,
    strategies: Collection[str],
    likely: Sequence[str],
) -> Removal | None:
    """The acts without which none of `strategies` gives it."""
    if strategies == {"buy_again"}:
        acts = acts.filter(pl.col("kind") == "order_completed")
    contexts = dict.fromkeys(strategies, narrowed)
    holds = recommendations.by_sums(acts, contexts, ident)
    by_copy = {name: context for name, context in contexts.items() if name not in holds}
    gone = _gone(acts, by_copy, ident, holds.values())
    decide = _decide(contexts, ident)
    return counterfactual.removal(acts, decide, likely=likely, gone=gone, copied=None if by_copy else 1)


def _decide(contexts: Mapping[str, PopulationContext], ident: str) -> Decide:
    def decide(copies: pl.DataFrame) -> dict[str, list[str]]:
        evidence = recommendations.evidence_for(copies, contexts, ident).explode(
            "evidence", empty_as_null=True
        )
        by_customer = evidence.group_by("customer_id", maintain_order=True)
        return dict(by_customer.agg(pl.col("evidence").drop_nulls()).rows())

    return decide


def _gone(
    acts: pl.DataFrame,
    by_copy: Mapping[str, PopulationContext],
    ident: str,
    holds: Collection[recommendations.Holds],
) -> Gone:
    """Asks `holds`, and the strategies of `by_copy` with copies of `acts` only where none of those gives the item."""
    of_copies = by_copies(acts, lambda copies: recommendations.customers_given(copies, by_copy, ident))

    def gone(sets: Sequence[AbstractSet[str]]) -> list[bool]:
        lacking = [not any(gives(left_out) for gives in holds) for left_out in sets]
        if not by_copy or not any(lacking):
            return lacking
        open_sets = [left_out for left_out, lacks in zip(sets, lacking, strict=True) if lacks]
        answers = iter(of_copies(open_sets))
        return [lacks and next(answers) for lacks in lacking]

    return gone


def _placements(narrowed: PopulationContext, *histories: pl.DataFrame) -> list[pl.DataFrame]:
    """What all placements hold of each of several histories of one customer: `strategy, item_id`."""
    names = [f"c#{number}" for number in range(len(histories))]
    copies = [
        acts.with_columns(pl.lit(name).alias("customer_id"))
        for name, acts in zip(names, histories, strict=True)
    ]
    chosen = recommendations.chosen_items(pl.concat(copies), narrowed)
    return [chosen.filter(pl.col("customer_id") == name) for name in names]


def _instead(before: pl.DataFrame, after: pl.DataFrame, ident: str) -> pl.DataFrame:
    """What is new afterwards in each placement that held `ident`, the best of it; what only moves up is not new."""
    ours = before.filter("derived")
    held = ours.filter(pl.col("item_id") == ident)
    new = after.join(ours, on=("strategy", "item_id"), how="anti", maintain_order="left")
    return new.join(held, on="strategy", how="semi", maintain_order="left").unique(
        "strategy", keep="first", maintain_order=True
    )
