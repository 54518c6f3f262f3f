"""Why a customer is in a segment: what others recorded, what our definition gives, what could be."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import polars as pl

from audit import segments
from audit.errors import NotFoundError
from audit.events.schema import BEHAVIOUR
from audit.events.times import iso, parse_iso
from audit.population.context import Context
from audit.why import (
    counterfactual,
    data_sufficiency,
    excluded,
    expiry,
    segment_removal_plans,
)
from audit.why import (
    reasons as leaves,
)
from audit.why.candidates import candidates
from audit.why.model import Counterfactual, Explanation, Reason, Subject
from audit.why.wording import (
    MASK,
    Voice,
    day,
    kinds_in_words,
    quoted,
)

_ORIGINS = {"third_party": "it came from a third party", "inferred": "whoever recorded it had inferred it"}


def segment(
    events: pl.DataFrame,
    context: Context,
    ident: str,
    *,
    names_sensitive: bool = False,
    memberships: pl.DataFrame | None = None,
) -> Explanation:
    """Explain why the customer of `events` is in the segment `ident` (its id in `show`, or as it was logged).

    `memberships`: all that the customer is in, where the caller has them already, as `segments.memberships` gives
    them. Raises NotFoundError if the customer is in no such segment at `context.at`.
    """
    rows = memberships
    if rows is None:
        rows = segments.memberships(events, context, _chosen(context, ident))
    mine = _of(rows, ident)
    if mine.is_empty() and memberships is None:
        rows = segments.memberships(events, context)
        mine = _of(rows, ident)
    if mine.is_empty():
        known = ", ".join(rows["id"]) or "none"
        raise NotFoundError(f"no segment {ident!r} of this customer at that time; there are: {known}")
    row = mine.row(0, named=True)
    voice = Voice(names_sensitive=names_sensitive)
    reasons = [*_recorded(events, row, voice), *_ours(events, row, voice, context.at)]
    if not row["derived"] and row["standing"] != "stated":
        reasons += _behind(events, context, row, voice)
    title = MASK if _hidden(row, voice) else row["title"]
    return Explanation(
        customer=row["customer_id"],
        at=context.at,
        subject=Subject("segment", row["id"] if title != MASK else ident, title, row["since"]),
        standing=row["standing"],
        because=tuple(reasons),
        end=expiry.membership_end(row, context.definitions or segments.definitions()),
        counterfactual=_without(events, context, row) if row["derived"] else None,
        left_out=tuple(_left_out(events, context, row, voice)) if row["derived"] else (),
    )


def _of(rows: pl.DataFrame, ident: str) -> pl.DataFrame:
    return rows.filter((pl.col("id") == ident) | (pl.col("logged_as") == ident))


def _chosen(context: Context, ident: str) -> tuple[segments.Definition, ...]:
    """The definitions that can give a segment of that id: so few are evaluated much faster than all."""
    return segments.concerning(context.definitions or segments.definitions(), ident)


def _hidden(row: dict[str, Any], voice: Voice) -> bool:
    return bool(row["sensitive"]) and not voice.names_sensitive


def _recorded(events: pl.DataFrame, row: dict[str, Any], voice: Voice) -> list[Reason]:
    """What the log says of it: since when, by whom, and why if it does."""
    if not row["logged"]:
        return []
    logged = events.filter(pl.col("event_id").is_in(row["logged_events"])).to_dicts()
    first = logged[0]
    origin = _ORIGINS.get(row["source"])
    behind = [Reason(origin, (first["event_id"],))] if origin else []
    why = next(
        (one["trigger"] or one["reason"] for one in reversed(logged) if one["trigger"] or one["reason"]), None
    )
    named, says = quoted(row["logged_as"]), f": {quoted(why)}" if why and row["standing"] == "stated" else ""
    if _hidden(row, voice):
        named, says = MASK, ""
    text = f"the sender recorded {named} since {day(row['since'])}{says}"
    return [Reason(text, tuple(row["logged_events"]), because=tuple(behind))]


def _ours(events: pl.DataFrame, row: dict[str, Any], voice: Voice, at: datetime) -> list[Reason]:
    """What our definition says of it, the acts behind, and what did not happen."""
    if not row["derived"]:
        return []
    acts = events.filter(pl.col("event_id").is_in(row["evidence"])).to_dicts()[::-1]
    behind = leaves.together(voice, acts)
    if row["absent"]:
        absent = absence(row["absent"], at)
        text = f"no {kinds_in_words(absent['kinds'])} since {day(parse_iso(absent['from']))}"
        behind.append(Reason(text, absent=absent))
    text = f"our definition gives it: {MASK if _hidden(row, voice) else row['reason']}"
    return [Reason(text, tuple(row["evidence"]), because=tuple(behind))]


def absence(told: str, at: datetime) -> dict[str, Any]:
    """What did not happen, `told` by a membership's `absent`, as every document writes it: `kinds`, `from`, `to`,
    and `item_id` where it is about one.
    """
    absent = json.loads(told)
    thing = {"item_id": absent["item_id"]} if absent.get("item_id") else {}
    return {"kinds": absent["kind"], "from": absent["since"], "to": iso(at), **thing}


def _behind(events: pl.DataFrame, context: Context, row: dict[str, Any], voice: Voice) -> list[Reason]:
    """What the customer did that could be behind a segment which nobody gives a reason for."""
    first = events.filter(pl.col("event_id") == row["logged_events"][0]).row(0, named=True)
    words = str(first["segment_id"]).replace("-", " ").replace(":", " ").replace("_", " ")
    found = candidates(events.filter(pl.col("kind").is_in(BEHAVIOUR)), first | {"subject": words})
    if found.height and row["standing"] != "unexplained":
        return leaves.could_be(voice, found)
    known, text = data_sufficiency.of_a_message(context.coverage, first["occurred_at"])
    return [
        Reason(text, absent=leaves.absent(data_sufficiency.kinds(), None, first), facts={"covered": known})
    ]


def _left_out(events: pl.DataFrame, context: Context, row: dict[str, Any], voice: Voice) -> Iterator[Reason]:
    """What our definition looks at, too old or overtaken by something newer."""
    one, *_ = _resolved(context, row["id"])
    read = segment_removal_plans.readable(events, one)
    found = segments.passed_over(read, context, one, row["id"], row["evidence"])
    return excluded.acts(events, found, voice)


def _resolved(context: Context, ident: str) -> tuple[segments.Definition, ...]:
    """The definition that gives a segment and those that divide it further, with the numbers that the facts put in."""
    chosen = segments.resolved(context.definitions or segments.definitions(), context.facts)
    return segments.concerning(chosen, ident)


def _without(events: pl.DataFrame, context: Context, row: dict[str, Any]) -> Counterfactual | None:
    ident = row["id"]
    one, *finer = _resolved(context, ident)
    read = segment_removal_plans.readable(events, one, *finer)

    def decide(copies: pl.DataFrame) -> dict[str, list[str]]:
        given = segments.derive(copies, context, (one, *finer)).filter(pl.col("segment_id") == ident)
        return dict(given.select("customer_id", "evidence").iter_rows())

    added = None
    if row["absent"]:
        newest = events.filter(pl.col("event_id").is_in(row["evidence"])).row(-1, named=True)
        kind = absence(row["absent"], context.at)["kinds"][0]
        added = counterfactual.event(
            events, kind=kind, occurred_at=context.at, item_id=newest["item_id"], category=newest["category"]
        )
    found = counterfactual.removal(
        read,
        decide,
        keep=row["logged_events"] or (),
        plans=segment_removal_plans.plans(read, one, ident.partition(":")[2], context),
        likely=row["evidence"],
    )
    return counterfactual.said(
        found,
        added if added is not None and counterfactual.ends_with(read, decide, added) else None,
        "our definition would not have given this segment",
    )
