"""Workspaces and small files for the tests of imports."""

import json
from pathlib import Path

import polars as pl

from audit import ingest
from audit.workspace.workspace import Workspace

HEADER = "event_id,customer_id,occurred_at,kind,item_name,quantity"


def csv(place: Path, *lines: str, header: str = HEADER, name: str = "events.csv") -> Path:
    """A CSV file of `lines`."""
    path = place / name
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def ndjson(place: Path, *rows: object, name: str = "events.ndjson") -> Path:
    """An NDJSON file; texts stand as they are, everything else as JSON."""
    path = place / name
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def raw(place: Path, content: bytes, name: str = "events.csv") -> Path:
    """A file of these bytes."""
    path = place / name
    path.write_bytes(content)
    return path


def counts(report: ingest.ImportReport) -> tuple[int, int, int, int, int]:
    """Rows, accepted, duplicates, quarantined, skipped."""
    found = report.document().to_json()
    return tuple(found[name] for name in ("rows", "accepted", "duplicates", "quarantined", "skipped"))


def by_source(ws: Workspace) -> pl.DataFrame:
    """All events as they came, with the source's own customer ids, in an order that pseudonyms do not change."""
    events = ws.generation._filled(ws.generation._as_it_came()).collect()
    names = ws.vault.source_ids(events["customer_id"].unique().to_list())
    return events.with_columns(pl.col("customer_id").replace_strict(names, return_dtype=pl.String)).sort(
        "customer_id", "occurred_at", "event_id"
    )
