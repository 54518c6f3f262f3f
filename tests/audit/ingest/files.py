"""Workspaces and small files for the tests of imports."""

import io
import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import fastavro
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


Tables = Mapping[str, tuple[Sequence[str], Sequence[Sequence[Any]]]]
"""Tables by name: their columns and rows."""


def sqlite(place: Path, tables: Tables) -> Path:
    """An SQLite file of these tables."""
    path = place / "tables.db"
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as database:
        for name, (columns, rows) in tables.items():
            quoted = ",".join(f'"{column}"' for column in columns)
            database.execute(f"CREATE TABLE {name} ({quoted})")
            database.executemany(f"INSERT INTO {name} VALUES ({','.join('?' * len(columns))})", rows)
        database.commit()
    return path


def _named(column: str) -> str:
    return column if re.fullmatch("[a-z_][a-z0-9_]*", column) else f'"{column}"'


def mysql(place: Path, tables: Tables, end: str = ";\n") -> Path:
    """A dump of these tables as mariadb-dump writes it; `end`: what stands behind the last."""
    text = "-- MariaDB dump 10.19  Distrib 10.11\n--\n/*!40101 SET NAMES utf8mb4 */;\n"
    for number, (name, (columns, rows)) in enumerate(tables.items(), start=1):
        text += f"DROP TABLE IF EXISTS `{name}`;\nCREATE TABLE `{name}` (\n"
        text += "".join(f"  `{column}` longtext DEFAULT NULL,\n" for column in columns)
        text += "  PRIMARY KEY (`id`)\n) ENGINE=InnoDB;\n"
        text += f"INSERT INTO `{name}` VALUES\n" + ",\n".join(
            "(" + ",".join(map(_quoted, row)) + ")" for row in rows
        )
        text += end if number == len(tables) else ";\n"
    return raw(place, text.encode(), "dump.sql")


def _quoted(value: Any) -> str:
    if value is None or isinstance(value, int):
        return "NULL" if value is None else str(value)
    signs = (("\\", "\\\\"), ("'", "\\'"), ("\n", "\\n"), ('"', '\\"'))
    for sign, escaped in signs:
        value = value.replace(sign, escaped)
    return f"'{value}'"


def postgres(place: Path, tables: Tables) -> Path:
    """A dump of these tables as pg_dump writes it."""
    text = "--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\n"
    for name, (columns, rows) in tables.items():
        text += f"COPY public.{name} ({', '.join(map(_named, columns))}) FROM stdin;\n"
        for row in rows:
            cells = (
                r"\N" if cell is None else str(cell).replace("\\", "\\\\").replace("\n", "\\n")
                for cell in row
            )
            text += "\t".join(cells) + "\n"
        text += "\\.\n\n"
    return raw(place, text.encode(), "dump.sql")


def avro(name: str, fields: Mapping[str, Sequence[str]], rows: Sequence[Mapping[str, Any]]) -> bytes:
    """An Avro container of records of one type, with fields of these types, each of which may be null."""
    space, _, name = name.rpartition(".")
    schema = {
        "type": "record",
        "name": name,
        "namespace": space,
        "fields": [
            {"name": field, "type": ["null", *types], "default": None} for field, types in fields.items()
        ],
    }
    stream = io.BytesIO()
    fastavro.writer(stream, schema, rows)
    return stream.getvalue()


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
