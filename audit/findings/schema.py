"""What a check hands over, and what a finding is."""

import json
from hashlib import blake2b

import polars as pl

from audit.events.schema import TIME
from audit.findings.catalogue import SEVERITIES, VERDICTS, CatalogueRow
from audit.why.wording import MESSAGE_NOUNS

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
    "total": pl.UInt32(),
    "excess": pl.UInt32(),
    "messages": _IDS,
    "cause": _IDS,
    "evidence": _IDS,
    "subject": pl.String(),
    "sources": _IDS,
    "suggested_rule": pl.String(),
}
"""The columns of whysent.findings/1. `from`, `to`: when the messages came, without
messages what it is about; `count`: of `messages`; `total`: of all messages of the same kind from `from` to `to`, those
in order among them; `excess`: how many of these were too many, the same as `count`, null where all of them count. `messages`, `cause`, `evidence`: event_ids in order;
`suggested_rule`: a rule in the shape of a rules file, as JSON."""

DETECTED: dict[str, pl.DataType] = {
    "customer_id": pl.String(),
    "subject": pl.String(),
    "about": pl.String(),
    "category": pl.String(),
    "case": pl.String(),
    "title": pl.String(),
    "severity": pl.String(),
    "verdict": pl.String(),
    "text": pl.String(),
    "first_at": TIME,
    "last_at": TIME,
    "count": pl.UInt32(),
    "total": pl.UInt32(),
    "excess": pl.UInt32(),
    "messages": _IDS,
    "cause": _IDS,
    "evidence": _IDS,
    "sources": _IDS,
    "rule": pl.String(),
}
"""What a check hands over, a row a finding; an absent column is null and takes its default: the check's title, severity
and sources, verdict risk, no events, a total that is the count. `about`: what the text names as `{about}`."""

_ABBREVIATED = 4
"""House value: letters of an abbreviation at most."""

ABOUT = "{about}"
"""Where a text names what it is about."""


def detected(frame: pl.DataFrame, **columns: pl.Expr | pl.Series | str) -> pl.DataFrame:
    """What a check detected: `frame` with `columns` (expressions, or names of others), in the columns of `DETECTED`.

    `evidence`, where it is not given, is the cause, then the messages.
    """
    if frame.is_empty():
        return nothing_detected()
    rows = frame.with_columns(**columns)
    if "evidence" not in rows.columns:
        ids = [name for name in ("cause", "messages") if name in rows.columns]
        rows = rows.with_columns(evidence=pl.concat_list(ids) if ids else pl.lit(None, _IDS))
    return rows.select(
        pl.col(name).cast(dtype) if name in rows.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in DETECTED.items()
    )


def cannot_tell(frame: pl.DataFrame, subject: str, case: str, text: pl.Expr) -> pl.DataFrame:
    """Answers that the data cannot tell, a row each, in the columns of `DETECTED`: they rest on no event."""
    return detected(
        frame,
        subject=pl.lit(subject),
        case=pl.lit(case),
        severity=pl.lit("info"),
        verdict=pl.lit("cannot_tell"),
        text=text,
        evidence=pl.lit([], _IDS),
    )


def nothing_detected() -> pl.DataFrame:
    """No row of `DETECTED`."""
    return pl.DataFrame(schema=DETECTED)


def message_columns() -> tuple[pl.Expr, ...]:
    """What is said of a group of messages, in order: `count, first_at, last_at, messages`."""
    at = pl.col("occurred_at")
    return (
        pl.len().alias("count"),
        at.min().alias("first_at"),
        at.max().alias("last_at"),
        pl.col("event_id").alias("messages"),
    )


def span_of(is_message: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """When the messages of a group of decisions came, else when these were made: `first_at, last_at`."""
    at = pl.col("occurred_at")
    sent = at.filter(is_message)
    return (
        pl.coalesce(sent.min(), at.min()).alias("first_at"),
        pl.coalesce(sent.max(), at.max()).alias("last_at"),
    )


def to_findings(rows: pl.DataFrame, check: CatalogueRow) -> pl.DataFrame:
    """Turn what a check detected (columns of `DETECTED`) into findings (columns of `SCHEMA`), its verdict capped."""
    strength = pl.Enum(VERDICTS)
    verdict = pl.col("verdict").fill_null("risk").cast(strength)
    empty: pl.Expr = pl.lit([], _IDS)
    return rows.with_columns(
        _ids(rows, check.id),
        pl.col("customer_id").alias("customer"),
        pl.lit(check.id).alias("check"),
        pl.coalesce("title", _title(check.title)).alias("title"),
        pl.col("severity").fill_null(check.severity),
        pl.max_horizontal(verdict, pl.lit(check.max_verdict).cast(strength)).cast(pl.String).alias("verdict"),
        _text(pl.col("about")).alias("text"),
        pl.col("first_at").alias("from"),
        pl.col("last_at").alias("to"),
        pl.col("count").fill_null(0),
        pl.coalesce("total", "count").fill_null(0).alias("total"),
        *(pl.col(name).fill_null(empty) for name in ("messages", "cause", "evidence")),
        pl.col("subject"),
        pl.col("sources").fill_null(pl.lit(list(check.sources), _IDS)),
        pl.col("rule").alias("suggested_rule"),
    ).select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())


def _title(title: str) -> pl.Expr:
    """The check's title; where it cannot tell, that says so."""
    unknown = pl.lit(f"Cannot tell: {title[:1].lower()}{title[1:]}")
    return pl.when(pl.col("verdict") == "cannot_tell").then(unknown).otherwise(pl.lit(title))


def severity_rank() -> pl.Expr:
    """The column `severity` as something that sorts worst first."""
    return pl.col("severity").cast(pl.Enum(SEVERITIES))


def _text(about: pl.Expr) -> pl.Expr:
    return pl.col("text").str.replace(ABOUT, about.fill_null("it"), literal=True)


def category_title(category: str) -> str:
    """How a sentence names a category path: its last level, in lower case but for what is spelt in capitals, such as DVD.

    A path that is in capitals throughout is lowered too, where it is more than a short word. A level that begins with a number
    says nothing alone: `tablets, 10 inch`.
    """
    shouted = category.isupper() and len(category) > _ABBREVIATED
    words = ", ".join(category.split(" > ")[-_levels_named(category) :]).split()
    return " ".join(
        word if word.isupper() and len(word) > 1 and not shouted else word.lower() for word in words
    )


def category_name(category: pl.Expr) -> pl.Expr:
    """How a headline names the categories of a column: by `category_title`, and what they stand under: `kitchen (Sustainable)`."""
    return category.map_elements(_with_parent, return_dtype=pl.String)


def _levels_named(category: str) -> int:
    return 2 if category.rpartition(" > ")[2][:1].isdigit() else 1


def _with_parent(category: str) -> str:
    parent = " ".join(category.split(" > ")[: -_levels_named(category)][-1:])
    return f"{category_title(category)} ({parent})" if parent else category_title(category)


def day(moment: pl.Expr) -> pl.Expr:
    """How a sentence names a day (UTC)."""
    return moment.dt.strftime("%Y-%m-%d")


def days(first_at: str = "first_at", last_at: str = "last_at") -> pl.Expr:
    """How a sentence names a time: `on 2026-03-01`, `from 2026-03-01 to 2026-03-08`."""
    begins, ends = day(pl.col(first_at)), day(pl.col(last_at))
    return (
        pl.when(begins == ends)
        .then(pl.format("on {}", begins))
        .otherwise(pl.format("from {} to {}", begins, ends))
    )


def several(count: pl.Expr, noun: str | pl.Expr) -> pl.Expr:
    """How a sentence counts: `1 act`, `11 acts`."""
    word = pl.lit(noun) if isinstance(noun, str) else noun
    return pl.format("{} {}{}", count, word, pl.when(count == 1).then(pl.lit("")).otherwise(pl.lit("s")))


def message_count(channel: pl.Expr, count: str = "count") -> pl.Expr:
    """How a sentence counts messages of one channel: `1 mail`, `11 mails`."""
    return several(pl.col(count), channel.replace_strict(MESSAGE_NOUNS, default="message"))


def worst_first(findings: pl.DataFrame) -> pl.DataFrame:
    """Findings by customer, then severity, verdict, number of messages, newest, check and id."""
    return (
        findings.with_columns(severity_rank().alias("_rank"), pl.col("verdict").cast(pl.Enum(VERDICTS)).alias("_verdict"))
        .sort(
            "customer", "_rank", "_verdict", "count", "to", "check", "id",
            descending=[False, False, False, True, True, False, False], nulls_last=True,
        )
        .drop("_rank", "_verdict")
    )  # fmt: skip


def _ids(rows: pl.DataFrame, check_id: str) -> pl.Series:
    """A finding's id: the same in every run, as long as check, customer, case and subject are the same."""
    keys = rows.select("customer_id", "case", "subject").iter_rows()
    digests = [blake2b(json.dumps([check_id, *key]).encode(), digest_size=8).hexdigest() for key in keys]
    return pl.Series("id", [f"f_{digest}" for digest in digests], pl.String)
