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
        *((f"segment{BETWEEN}{one.segment}", one.title or f"strip: {one.segment.replace('_', ' ')}", one) for one in document.segments),
        *((f"strip{BETWEEN}{one.strip}", f"strip: {one.strip.replace('_', ' ')}", one) for one in document.strips),
    ]  # fmt: skip
    agreed = pl.DataFrame(
        [(key, title, one.both, one.logged_only, one.derived_only, one.agreement) for key, title, one in titled],
        schema={
            "key": pl.String, "title": pl.String, "both": pl.Int64, "logged_only": pl.Int64,
            "derived_only": pl.Int64, "agreement": pl.Float64,
        },
        orient="row",
    )  # fmt: skip
    names = {key: title for key, title, _ in titled}
    columns = ("key", "customer", "where", "title", "side", "since", "text")
    apart = pl.DataFrame(
        [_row(one, names) for one in document.listed], schema=dict.fromkeys(columns, pl.String)
    ).unique("key", maintain_order=True)
    return Agreement(agreed, apart, document.disagreements)


def _row(one: Disagreement, names: dict[str, str]) -> dict[str, str | None]:
    where = f"{one.what}{BETWEEN}{one.id}"
    parts = (where, one.customer, one.item_id, one.side, one.logged_as)
    return {
        "key": "\x1f".join(str(part) for part in parts),
        "customer": one.customer,
        "where": names.get(where, one.id),
        "title": one.title or one.item_id or one.id,
        "side": one.side,
        "since": iso(one.since),
        "text": one.text,
    }
