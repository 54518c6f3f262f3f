"""What a check hands over, and what a finding is."""

import json
from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any

import polars as pl

from audit.events import TIME
from audit.findings.catalogue import SEVERITIES, VERDICTS, Check

_IDS = pl.List(pl.String())

SCHEMA: dict[str, pl.DataType] = {
    "id": pl.String(),
    "customer": pl.String(),
    "check": pl.String(),
    "title": pl.String(),
    "severity": pl.String(),
    "verdict": pl.String(),
    "case": pl.String(),
    "text": pl.String(),
    "from": TIME,
    "to": TIME,
    "count": pl.UInt32(),
    "messages": _IDS,
    "cause": _IDS,
    "evidence": _IDS,
    "subject": pl.String(),
    "sources": _IDS,
    "suggested_rule": pl.String(),
}
"""The columns of whysent.findings/1. `messages`, `cause`, `evidence`: event_ids in order; `suggested_rule`: a
rule in the shape of a rules file, as JSON."""

FOUND: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "subject": pl.String(),
    "about": pl.String(),
    "topic": pl.String(),
    "case": pl.String(),
    "severity": pl.String(),
    "verdict": pl.String(),
    "text": pl.String(),
    "first": TIME,
    "last": TIME,
    "count": pl.UInt32(),
    "messages": _IDS,
    "cause": _IDS,
    "evidence": _IDS,
    "sources": _IDS,
    "rule": pl.String(),
}
"""What a check hands over, a row a finding; an absent column is null and takes its default: the check's severity
and sources, verdict risk, no events. `about`: a category path or other name that the text names as `{about}`;
`topic`: the sensitive topic it touches, if any."""

ABOUT = "{about}"
"""Where a text names what it is about."""

UNNAMED = "a sensitive topic"


def found(frame: pl.DataFrame) -> pl.DataFrame:
    """Give what a check found every column of `FOUND`."""
    return frame.select(
        pl.col(name).cast(dtype) if name in frame.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in FOUND.items()
    )


def none() -> pl.DataFrame:
    """Nothing found."""
    return pl.DataFrame(schema=FOUND)


def rules(frame: pl.DataFrame, columns: Iterable[str], make: Callable[..., dict[str, Any]]) -> pl.Series:
    """The column `rule`: `make(*columns)` of every row of `frame`, as JSON."""
    made = [json.dumps(make(*row), ensure_ascii=False) for row in frame.select(columns).iter_rows()]
    return pl.Series("rule", made, pl.String)


def finish(rows: pl.DataFrame, check: Check, *, names_sensitive: bool) -> pl.DataFrame:
    """Turn what `check` found (columns of `FOUND`) into findings (columns of `SCHEMA`), its verdict capped."""
    hidden = pl.col("topic").is_not_null() & (not names_sensitive)
    strength = pl.Enum(VERDICTS)
    verdict = pl.col("verdict").fill_null("risk").cast(strength)
    named = pl.when(hidden).then(pl.lit(UNNAMED)).otherwise(last_level(pl.col("about")))
    empty: pl.Expr = pl.lit([], _IDS)
    return rows.select(
        _ids(rows, check.id),
        pl.col("customer_id").alias("customer"),
        pl.lit(check.id).alias("check"),
        pl.lit(check.title).alias("title"),
        pl.col("severity").fill_null(check.severity),
        pl.max_horizontal(verdict, pl.lit(check.max_verdict).cast(strength)).cast(pl.String).alias("verdict"),
        "case",
        pl.col("text").str.replace(ABOUT, named.fill_null(""), literal=True),
        pl.col("first").alias("from"),
        pl.col("last").alias("to"),
        pl.col("count").fill_null(0),
        *(pl.col(name).fill_null(empty) for name in ("messages", "cause", "evidence")),
        pl.when(hidden).then(pl.lit(UNNAMED)).otherwise("subject").alias("subject"),
        pl.col("sources").fill_null(pl.lit(list(check.sources), _IDS)),
        pl.when(hidden).then(None).otherwise("rule").alias("suggested_rule"),
    ).select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())


def last_level(category: pl.Expr) -> pl.Expr:
    """How a sentence names a category path: its last level, in lower case."""
    return category.str.split(" > ").list.last().str.to_lowercase()


def worst_first(findings: pl.DataFrame) -> pl.DataFrame:
    """Findings by customer, then severity, number of messages, newest, check and id."""
    return (
        findings.with_columns(pl.col("severity").cast(pl.Enum(SEVERITIES)).alias("_rank"))
        .sort(
            "customer", "_rank", "count", "to", "check", "id",
            descending=[False, False, True, True, False, False], nulls_last=True,
        )
        .drop("_rank")
    )  # fmt: skip


def _ids(rows: pl.DataFrame, check_id: str) -> pl.Series:
    keys = rows.select("customer_id", "case", "subject").iter_rows()
    made = [blake2b(json.dumps([check_id, *key]).encode(), digest_size=8).hexdigest() for key in keys]
    return pl.Series("id", [f"f_{digest}" for digest in made], pl.String)
