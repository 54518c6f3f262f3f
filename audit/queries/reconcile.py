"""What others logged and what our definitions give, held together over everybody: how far they agree, and where not."""

from typing import TYPE_CHECKING, Any

import polars as pl

from audit import segments
from audit.errors import NotFoundError
from audit.events.times import iso
from audit.recommendations import agreement as of_strips
from audit.recommendations import strips
from audit.segments import agreement as of_segments
from audit.storage.toml_input import nearest

if TYPE_CHECKING:
    from datetime import datetime

    from audit.workspace.context import Context
    from audit.workspace.workspace import Workspace

SHOWN = 100
"""How many disagreements a document holds unless more are asked for; `disagreements` says how many there are."""

TEXTS = {
    "third_party": "it was bought: no event of ours can be behind it",
    "no_definition": "no definition of ours has this name; if one means the same, add the name to its aliases",
    "held_before": "our definition held until {detail}; the source looks further back, or has not let them out",
    "too_little": "some of the acts are there, not enough for our definition; its number or window may be another",
    "data_gap": "this data does not hold what our definition looks at for as long as it looks back",
    "no_act": "no act of theirs that our definition looks at",
    "logged_left": "the source took them out on {detail}; its window may be shorter",
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


def reconcile(
    ws: "Workspace",
    *,
    segment: str | None = None,
    strip: str | None = None,
    at: "datetime | None" = None,
    limit: int = SHOWN,
    names_sensitive: bool = True,
) -> dict[str, Any]:
    """`whysent.reconcile/1`: agreement by segment and strip, and the disagreements as a list to work through.

    With `segment` or `strip` only that one; else what the log has never held is counted and not listed. Raises
    NotFoundError for one that neither side has.
    """
    events, context = ws.events(at), ws.context(at)
    totals, apart = pl.DataFrame(schema=of_segments.AGREEMENT), pl.DataFrame(schema=of_segments.DISAGREEMENTS)
    if strip is None:
        totals, apart = _segments(events, context, segment, names_sensitive)
    shown, apart_strips = (
        pl.DataFrame(schema=of_strips.AGREEMENT),
        pl.DataFrame(schema=of_strips.DISAGREEMENTS),
    )
    if segment is None:
        shown, apart_strips = _strips(events, context, strip)
    listed = [_listed("segment", row, names_sensitive) for row in apart.head(limit).iter_rows(named=True)]
    left = None if limit is None else limit - len(listed)
    listed += [
        _listed("strip", row, names_sensitive) for row in apart_strips.head(left).iter_rows(named=True)
    ]
    return {
        "schema": "whysent.reconcile/1",
        "at": iso(context.at),
        "customers": events["customer_id"].n_unique(),
        "segments": [_named(row, names_sensitive) for row in totals.iter_rows(named=True)],
        "strips": shown.to_dicts(),
        "disagreements": apart.height + apart_strips.height,
        "listed": listed,
    }


def _segments(
    events: pl.DataFrame, context: "Context", segment: str | None, names_sensitive: bool
) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = of_segments.both_sides(events, context)
    if segment is not None:  # whoever may not name a sensitive topic may not find it by guessing its name
        rows = rows if names_sensitive else rows.filter(~pl.col("sensitive"))
        rows = _only(rows, ("family", "id", "logged_as"), segment, "segment")
    totals = of_segments.agreement(rows, context.definitions or segments.definitions())
    listed = rows
    if segment is None:
        listed = rows.join(totals.filter("logs_it"), left_on="family", right_on="segment", how="semi")
    return totals, of_segments.disagreements(events, context, listed)


def _strips(events: pl.DataFrame, context: "Context", strip: str | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = strips(events, context)
    if strip is not None:
        rows = _only(rows, ("strategy",), strip, "strip")
    totals = of_strips.agreement(rows)
    listed = rows
    if strip is None:
        listed = rows.join(totals.filter("logs_it"), left_on="strategy", right_on="strip", how="semi")
    return totals, of_strips.disagreements(listed, context)


def _only(rows: pl.DataFrame, columns: tuple[str, ...], wanted: str, what: str) -> pl.DataFrame:
    kept = rows.filter(pl.any_horizontal((pl.col(name) == wanted).fill_null(value=False) for name in columns))
    if kept.is_empty():
        known = rows[columns[0]].unique().sort().to_list()
        raise NotFoundError(f"no {what} {wanted!r}, logged or derived{nearest(wanted, known)}")
    return kept


_HIDDEN = "a sensitive topic; hand to privacy"


def _named(row: dict[str, Any], names_sensitive: bool) -> dict[str, Any]:
    if row["sensitive"] and not names_sensitive:
        return {**row, "segment": "sensitive", "title": _HIDDEN}
    return row


def _listed(what: str, row: dict[str, Any], names_sensitive: bool) -> dict[str, Any]:
    row = _named(
        {"sensitive": False, "detail": None, "logged_as": None, "item_id": None, **row}, names_sensitive
    )
    hidden = row["sensitive"] and not names_sensitive
    told = {name: "?" if row[name] is None else f"{row[name]:%Y-%m-%d}" for name in ("since", "detail")}
    return {
        "what": what,
        "id": row[what],
        "title": row["title"],
        "customer": row["customer"],
        "item_id": row["item_id"],
        "side": row["side"],
        "since": iso(row["since"]),
        "logged_as": None if hidden else row["logged_as"],
        "reason": row["reason"],
        "text": TEXTS[row["reason"]].format(**told),
    }
