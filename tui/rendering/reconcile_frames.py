"""The document of `reconcile` as two frames for the tables of its screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.session.view_models import Agreement

if TYPE_CHECKING:
    from tui.session.view_models import Document

LISTED = 5_000
"""House value: so many disagreements are listed at once; how many there are is said."""

BETWEEN = ":"
"""Stands between segment or strip and its id in a key."""


def frames(document: Document) -> Agreement:
    """`whysent.reconcile/1` in the shape of the snapshot; a row's key stays the same from one asking to the next."""
    import polars as pl

    agreed = pl.DataFrame(
        [
            {
                "key": f"{what}{BETWEEN}{one[what]}",
                "title": one.get("title") or f"strip: {str(one[what]).replace('_', ' ')}",
                **{name: one[name] for name in ("both", "logged_only", "derived_only", "agreement")},
            }
            for what in ("segment", "strip")
            for one in document[f"{what}s"]
        ],
        schema={
            "key": pl.String, "title": pl.String, "both": pl.Int64, "logged_only": pl.Int64,
            "derived_only": pl.Int64, "agreement": pl.Float64,
        },
    )  # fmt: skip
    names = dict(agreed.select("key", "title").iter_rows())
    columns = ("key", "customer", "where", "title", "side", "since", "text")
    apart = pl.DataFrame(
        [_row(one, names) for one in document["listed"]], schema=dict.fromkeys(columns, pl.String)
    ).unique("key", maintain_order=True)
    return Agreement(agreed, apart, document["disagreements"])


def _row(one: Document, names: dict[str, str]) -> dict[str, str | None]:
    where = f"{one['what']}{BETWEEN}{one['id']}"
    parts = (where, one["customer"], one["item_id"], one["side"], one["logged_as"])
    return {
        "key": "\x1f".join(str(part) for part in parts),
        "customer": one["customer"],
        "where": names.get(where, str(one["id"])),
        "title": one["title"] or one["item_id"] or one["id"],
        "side": one["side"],
        "since": one["since"],
        "text": one["text"],
    }
