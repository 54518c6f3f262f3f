"""The document of `reconcile` as two frames for the tables of its screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit.events.times import iso
from tui.session.view_models import Agreement

if TYPE_CHECKING:
    from audit.queries.reconcile import Disagreement, Reconciliation, SegmentAgreement, StripAgreement

LISTED = 5_000
"""House value: so many disagreements are listed at once; how many there are is said."""

BETWEEN = ":"
"""Stands between segment or strip and its id in a key."""


def frames(document: Reconciliation) -> Agreement:
    """`whysent.reconcile/1` in the shape of the snapshot; a row's key stays the same from one asking to the next."""
    import polars as pl

    titled: list[tuple[str, str, SegmentAgreement | StripAgreement]] = [
        *((f"segment{BETWEEN}{entry.segment}", entry.title or f"strip: {entry.segment.replace('_', ' ')}", entry) for entry in document.segments),
        *((f"strip{BETWEEN}{entry.strip}", f"strip: {entry.strip.replace('_', ' ')}", entry) for entry in document.strips),
    ]  # fmt: skip
    agreed = pl.DataFrame(
        [(key, title, entry.both, entry.logged_only, entry.derived_only, entry.agreement) for key, title, entry in titled],
        schema={
            "key": pl.String, "title": pl.String, "both": pl.Int64, "logged_only": pl.Int64,
            "derived_only": pl.Int64, "agreement": pl.Float64,
        },
        orient="row",
    )  # fmt: skip
    names = {key: title for key, title, _ in titled}
    columns = ("key", "customer", "where", "title", "side", "since", "text")
    apart = pl.DataFrame(
        [_row(entry, names) for entry in document.listed], schema=dict.fromkeys(columns, pl.String)
    ).unique("key", maintain_order=True)
    return Agreement(agreed, apart, document.disagreements)


def _row(entry: Disagreement, names: dict[str, str]) -> dict[str, str | None]:
    where = f"{entry.what}{BETWEEN}{entry.id}"
    parts = (where, entry.customer, entry.item_id, entry.side, entry.logged_as)
    return {
        "key": "\x1f".join(str(part) for part in parts),
        "customer": entry.customer,
        "where": names.get(where, entry.id),
        "title": entry.title or entry.item_id or entry.id,
        "side": entry.side,
        "since": iso(entry.since),
        "text": entry.text,
    }
