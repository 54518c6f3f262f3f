"""What others logged and what our definitions give, held together over everybody: how far they agree, and where not."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import polars as pl

from audit import segments, why
from audit.errors import NotFoundError
from audit.events.document import Document
from audit.privacy.role_view import MARK, RoleView
from audit.queries import agreement
from audit.recommendations import placements
from audit.storage.toml_input import nearest
from audit.why.expiry import Basis

if TYPE_CHECKING:
    from audit.workspace.context import Context
    from audit.workspace.workspace import Workspace

SHOWN = 100
"""How many disagreements a document holds unless more are asked for; `disagreements` says how many there are."""

TEXTS = {
    "third_party": "it was bought: no event of ours can be behind it",
    "no_definition": "no definition of ours has this name; if one means the same, add the name to its aliases",
    "held_before": "by our definition it {ended}; the source looks further back, or has not let them out",
    "too_little": "some of the acts are there, not enough for our definition; its number or window may be another",
    "data_gap": "this data does not hold what our definition looks at for as long as it looks back",
    "no_act": "no act of theirs that our definition looks at",
    "logged_left": "by the source it {ended}; its window may be shorter",
    "never_logged": "this log has no such segment for anybody; it may have another name, or none",
    "log_ends": "ours began after the log's newest row, of {detail}",
    "not_logged": "the source has this segment, and not for them; its number or window may be another",
    "no_strategy": "we make no such strip",
    "shown_before": "last shown on {since}; ours is made for now",
    "other_choice": "ours chose other goods",
    "never_shown": "this log has no such strip",
    "not_shown": "the source shows this strip, and this not in it",
}
"""What is said of each reason."""


class SegmentAgreement(Document):
    """How many people are in one segment by the log and by our definition."""

    segment: str
    title: str | None
    basis: str | None
    sensitive: bool
    both: int
    logged_only: int
    derived_only: int
    agreement: float | None
    """both / (both + logged_only + derived_only); null where one side has no such segment at all."""
    defined: bool
    """Whether a definition of ours gives it."""
    logs_it: bool
    """Whether the log has it."""


class StripAgreement(Document):
    """How many items stand in one strip by the log and by our strategy."""

    strip: str
    both: int
    logged_only: int
    derived_only: int
    agreement: float | None
    """As of a segment."""
    defined: bool
    logs_it: bool


class Disagreement(Document):
    """A person in a segment, or an item in their strip, on one side alone."""

    what: Literal["segment", "strip"]
    id: str
    title: str | None
    customer: str
    item_id: str | None
    side: Literal["logged_only", "derived_only"]
    since: datetime | None
    logged_as: str | None
    reason: str
    """The likely one."""
    ended: datetime | None = None
    """When the side that does not have it had it last, where it had it before."""
    ended_basis: Basis | None = None
    """What that rests on, as of `until_basis`."""
    text: str
    """The same as a sentence."""


class Reconciliation(Document, schema="whysent.reconcile/1"):
    """How far the log and our definitions agree, and where not."""

    at: datetime
    customers: int
    segments: tuple[SegmentAgreement, ...]
    strips: tuple[StripAgreement, ...]
    disagreements: int
    """Those of what the log holds, or of the one asked for."""
    listed: tuple[Disagreement, ...]
    """The first of them."""


def reconcile(
    ws: "Workspace",
    *,
    segment: str | None = None,
    strip: str | None = None,
    at: datetime | None = None,
    limit: int = SHOWN,
) -> Reconciliation:
    """Agreement by segment and strip, and the disagreements as a list to work through.

    With `segment` or `strip` only that one; else what the log has never held is counted and not listed. Raises
    NotFoundError for one that neither side has.
    """
    events, context = ws.events(at), ws.context(at)
    view = ws.view
    segment = view.meant(segment)
    guessed = segment is not None and view.guesses(segment)
    by_segment, segment_rows = pl.DataFrame(), pl.DataFrame()
    if strip is None:
        by_segment, segment_rows = _segments(events, context, segment, guessed=guessed)
    by_strip, strip_rows = pl.DataFrame(), pl.DataFrame()
    if segment is None:
        by_strip, strip_rows = _strips(events, context, strip)
    rows = [
        *(("segment", row) for row in segment_rows.head(limit).iter_rows(named=True)),
        *(("strip", row) for row in strip_rows.head(limit).iter_rows(named=True)),
    ]
    totals = [_unnamed(row, view) for row in by_segment.iter_rows(named=True)]
    full = Reconciliation(
        at=context.at,
        customers=events["customer_id"].n_unique(),
        segments=msgspec.convert(totals, tuple[SegmentAgreement, ...]),
        strips=msgspec.convert(by_strip.to_dicts(), tuple[StripAgreement, ...]),
        disagreements=segment_rows.height + strip_rows.height,
        listed=tuple(_disagreement(what, row, context, view) for what, row in rows[:limit]),
    )
    return view.shown(full)


def _segments(
    events: pl.DataFrame, context: "Context", segment: str | None, *, guessed: bool
) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = agreement.both_sides(events, context)
    if segment is not None:  # whoever is not told a sensitive topic may not find it by guessing its name
        rows = rows.filter(~pl.col("sensitive")) if guessed else rows
        rows = _only(rows, ("family", "id", "logged_as"), segment, "segment")
    totals = agreement.segment_agreement(rows, context.definitions or segments.definitions())
    to_list = rows
    if segment is None:
        to_list = rows.join(totals.filter("logs_it"), left_on="family", right_on="segment", how="semi")
    return totals, agreement.segment_disagreements(events, context, to_list)


def _strips(events: pl.DataFrame, context: "Context", strip: str | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = placements(events, context)
    if strip is not None:
        rows = _only(rows, ("strategy",), strip, "strip")
    totals = agreement.strip_agreement(rows)
    to_list = rows
    if strip is None:
        to_list = rows.join(totals.filter("logs_it"), left_on="strategy", right_on="strip", how="semi")
    return totals, agreement.strip_disagreements(to_list, context)


def _only(rows: pl.DataFrame, columns: tuple[str, ...], name: str, what: str) -> pl.DataFrame:
    """The rows of which one of `columns` is `name`. Raises NotFoundError where there are none."""
    matching = rows.filter(
        pl.any_horizontal((pl.col(column) == name).fill_null(value=False) for column in columns)
    )
    if matching.is_empty():
        names = rows[columns[0]].unique().sort().to_list()
        raise NotFoundError(
            f"no {what} {name!r}, logged or derived{nearest(name, names)}; `whysent reconcile` lists them"
        )
    return matching


def _unnamed(row: dict[str, Any], view: RoleView) -> dict[str, Any]:
    """A row of a segment; without its name where that may not be told."""
    if not view.tells(sensitive=row["sensitive"]):
        return {**row, "title": MARK, "logged_as": None}
    return row


def _disagreement(what: str, row: dict[str, Any], context: "Context", view: RoleView) -> Disagreement:
    missing = {"sensitive": False, "detail": None, "logged_as": None, "item_id": None}
    shown = _unnamed({**missing, **row}, view)
    days = {name: "?" if row.get(name) is None else f"{row[name]:%Y-%m-%d}" for name in ("since", "detail")}
    end = _end(row, context)
    ended = {} if end is None else {"ended": end.until, "ended_basis": end.basis}
    text = TEXTS[row["reason"]].format(**days, ended="" if end is None else end.past)
    return msgspec.convert({**shown, **ended, "what": what, "id": shown[what], "text": text}, Disagreement)


def _end(row: dict[str, Any], context: "Context") -> why.End | None:
    """When it ended on the side that does not have it, where it had it before."""
    if row["reason"] == "held_before":
        definitions = context.definitions or segments.definitions()
        return why.membership_ended(row["detail"], segments.concerning(definitions, row["segment"])[0])
    return why.membership_ended(row["detail"]) if row["reason"] == "logged_left" else None
