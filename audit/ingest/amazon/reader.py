"""The whole export of one customer: every file that is known, in order, as batches; the others named and counted.

Of a file: columns by name, identifiers apart, everything else kept.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from audit.errors import InputError
from audit.events.schema import OTHER, SCHEMA
from audit.ingest import attributes
from audit.ingest.amazon.archive_members import Member, is_export, opened
from audit.ingest.amazon.dataset_rules import REFINE, Run
from audit.ingest.amazon.datasets import Dataset, book, dates_only, flags, moments, tidy, vault_columns
from audit.ingest.amazon.table import Chunk, table
from audit.ingest.format import IDENTIFIERS, Batch, Format, Options
from audit.privacy import scan
from audit.privacy.clean import clean_column

FORMAT = "amazon"
_HEX = 16
_WORD = 60
"""Characters of a word that is told, at most."""

_NO_EVENTS = pl.DataFrame(schema={"row": pl.UInt64()})


def gives() -> tuple[str, ...]:
    """The kinds of events that an export can hold."""
    vocabulary = book().vocabulary
    kinds = {dataset.constants["kind"] for dataset in book().datasets if "kind" in dataset.constants}
    for name in ("was_sent", "engagement", "delivery", "preference", "opt_out"):
        kinds |= set(vocabulary[name].values())
    return tuple(sorted(kinds | {"unsubscribed", OTHER, *vocabulary["order_status"].values()}))


def read_together(paths: Sequence[Path], options: Options) -> Iterator[Batch]:
    """Batches of everything in `paths`, which together are one export.

    Nothing in an export says whose it is: raises InputError without a customer, and for a zip that cannot be read.
    """
    customer = (options.customer or "").strip()
    if not customer:
        raise InputError(
            f"{paths[0]}: an Amazon export does not say whose it is; name the customer with --customer ID"
        )
    with opened(paths) as members:
        run = Run(sum(member.size for member in members if member.dataset), options.tell)
        for member in members:
            if member.dataset is not None:
                run.dated = member.modified
                yield from _batches(member, member.dataset, customer, run)
        yield from _strangers(members)


def _strangers(members: Sequence[Member]) -> Iterator[Batch]:
    """Files nobody reads: one account a folder, since an export may hold one file for each thing ever bought."""
    folders: dict[tuple[str, ...], list[Member]] = {}
    for member in members:
        if member.dataset is None:
            folders.setdefault(member.parts[:-1], []).append(member)
    for beside in folders.values():
        count = len(beside)
        path = beside[0].path if count == 1 else f"{beside[0].path} and {count - 1} more beside it"
        reason = f"{path}: no reader for {'this file' if count == 1 else 'these files'}"
        yield Batch(path, FORMAT, 0, _NO_EVENTS, skipped={reason: 0})


def _batches(member: Member, dataset: Dataset, customer: str, run: Run) -> Iterator[Batch]:
    """All rows of one file, as events of `customer`. Rows of a file that is not to be read are skipped, and counted."""
    with member.open() as stream:
        rows = table(stream, member.path, overflow=dataset.overflow, footers=book().footers)
        layout = Layout(dataset, rows.header)
        reason = _why_not(member, dataset, layout)
        for chunk in rows.chunks():
            yield _skipped(member, chunk, reason) if reason else _batch(member, chunk, layout, customer, run)
            run.tell(member, rows.read_bytes)
        if not rows.rows:
            yield _skipped(member, Chunk(), reason)
        run.done += member.size


class Layout:
    """Where each of our columns, each identifier and each other column stands in one file."""

    def __init__(self, dataset: Dataset, header: Sequence[str]) -> None:
        self.dataset = dataset
        self.header = [name or f"column {number}" for number, name in enumerate(header, start=1)]
        by_folded_name = {name.casefold(): name for name in self.header}
        self.columns = {column: _present(names, by_folded_name) for column, names in dataset.columns.items()}
        self.identifiers = {
            field: _present(names, by_folded_name) for field, names in dataset.identifiers.items()
        }
        self._hide(self._taken())
        hidden = {name for names in self.identifiers.values() for name in names}
        plain = {name for column, names in self.columns.items() if _is_plain(column) for name in names}
        self.visible = [name for name in self.header if name not in hidden]
        self.rest = [name for name in self.visible if name not in plain]

    @property
    def missing(self) -> list[str]:
        """Needed columns that the file lacks, by their usual name."""
        return [
            self.dataset.columns[column][0]
            for column in self.dataset.needs
            if column in self.dataset.columns and not self.columns[column]
        ]

    def _taken(self) -> set[str]:
        parts = (*self.columns.values(), *self.identifiers.values())
        return {name for names in parts for name in names}

    def _hide(self, mapped: set[str]) -> None:
        """Columns that nobody foresaw and that are named like an identifier."""
        for name in self.header:
            field = next(
                (kind.field for kind in book().hidden if re.search(kind.pattern, name.casefold())), None
            )
            if name not in mapped and field is not None:
                self.identifiers.setdefault(field, []).append(name)


def _present(names: Sequence[str], by_folded_name: dict[str, str]) -> list[str]:
    return [by_folded_name[name.casefold()] for name in names if name.casefold() in by_folded_name]


def _is_plain(column: str) -> bool:
    """Whether our column holds theirs as it was; a time is kept in the attributes as it was written, too."""
    return not column.startswith("_") and column != "occurred_at"


def _why_not(member: Member, dataset: Dataset, layout: Layout) -> str | None:
    if dataset.why_skipped is not None:
        return dataset.why_skipped
    if member.repeats is not None:
        return f"the same as {member.repeats}"
    if layout.missing:
        return "no column " + ", ".join(repr(name) for name in layout.missing)
    return None


def _skipped(member: Member, chunk: Chunk, reason: str | None) -> Batch:
    skipped = {reason: chunk.rows} if reason else {}
    return Batch(member.path, FORMAT, chunk.rows, _NO_EVENTS, skipped=skipped)


def _batch(member: Member, chunk: Chunk, layout: Layout, customer: str, run: Run) -> Batch:
    source = flags(tidy(chunk.cells(layout.header)))
    frame = _ours(source, layout)
    if layout.dataset.refine:
        frame = REFINE[layout.dataset.refine](frame, run)
    frame = frame.with_columns(_missing(layout.dataset).alias("_reject"))
    skipped = frame.filter(pl.col("_reject").is_null() & pl.col("_skip").is_not_null())
    refused = frame.filter(pl.col("_reject").is_not_null())
    accepted = frame.filter(pl.col("_reject").is_null() & pl.col("_skip").is_null())
    reasons = dict(skipped.group_by("_skip", maintain_order=True).len().iter_rows())
    if chunk.footer:
        reasons["the footer of the file"] = chunk.footer
    return Batch(
        path=member.path,
        format=FORMAT,
        rows=chunk.rows,
        events=_events(accepted, source, layout, customer),
        identifiers=_identifiers(source.join(accepted.select("row"), on="row", how="semi"), layout, customer),
        rejected=pl.concat([chunk.rejected(), _rejected(refused, source)]).sort("row"),
        skipped=reasons,
        other_kinds=_unknown_words(accepted),
    )


def _unknown_words(accepted: pl.DataFrame) -> dict[str, int]:
    """The words of what is kept as other, and how many rows say each."""
    if not {"kind", "_status"} <= {*accepted.columns}:
        return {}
    words = scan.scrub(clean_column(accepted.filter(pl.col("kind") == OTHER)["_status"].str.slice(0, _WORD)))
    return dict(words.value_counts().sort("count", words.name, descending=[True, False]).rows())


def _ours(source: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """Our columns, all text but `occurred_at`; `_undated` holds whether a time stands there that cannot be read."""
    frame = source.select(
        "row",
        *(
            (pl.coalesce(names) if names else pl.lit(None, pl.String)).alias(column)
            for column, names in layout.columns.items()
        ),
        *(pl.lit(value).alias(column) for column, value in layout.dataset.constants.items()),
        pl.lit(None, pl.String).alias("_reject"),
        pl.lit(None, pl.String).alias("_skip"),
        pl.lit(None, pl.String).alias("occurred_at_is"),
    )
    if "occurred_at" not in frame.columns:
        return frame.with_columns(pl.lit(value=False).alias("_undated"))
    written = frame["occurred_at"]
    times = moments(written)
    date = pl.when(dates_only(written)).then(pl.lit("a date without a time of day"))
    return frame.with_columns(
        times, date.alias("occurred_at_is"), (written.is_not_null() & times.is_null()).alias("_undated")
    )


def _missing(dataset: Dataset) -> pl.Expr:
    """Why a row is refused: a needed value is absent, its time cannot be read, or a word is unknown."""
    reasons = [pl.when("_undated").then(pl.lit(f"{dataset.columns.get('occurred_at', ('',))[0]} is no time"))]
    for column in dataset.needs:
        title = dataset.columns[column][0] if column in dataset.columns else column
        reasons.append(pl.when(pl.col(column).is_null()).then(pl.lit(f"no {title}")))
    reasons.append(pl.when(pl.col("kind").is_null()).then(pl.lit("says nothing that we know")))
    return pl.coalesce("_reject", *reasons)


def _events(accepted: pl.DataFrame, source: pl.DataFrame, layout: Layout, customer: str) -> pl.DataFrame:
    columns = [name for name in accepted.columns if name in SCHEMA]
    source_rows = source.join(
        accepted.select("row", "occurred_at_is"), on="row", how="inner", maintain_order="right"
    )
    return accepted.select("row", *columns).with_columns(
        pl.lit(customer).alias("customer_id"),
        pl.lit(layout.dataset.source_name).alias("source_name"),
        _event_ids(accepted, source_rows, layout),
        attributes.of_columns(source_rows, [*layout.rest, "occurred_at_is"]).alias("attributes"),
    )


def _event_ids(accepted: pl.DataFrame, source_rows: pl.DataFrame, layout: Layout) -> pl.Series:
    """One id for what is one event, in whichever file, version or generation it stands."""
    key = layout.dataset.key
    content = (
        accepted.select(pl.struct(key).struct.json_encode())
        if key
        else source_rows.select(pl.struct(sorted(layout.visible)).struct.json_encode())
    ).to_series()
    name = layout.dataset.group.replace(" ", "-")
    hashes = [hashlib.blake2b(text.encode(), digest_size=_HEX // 2).hexdigest() for text in content]
    return pl.Series("event_id", [f"{name}-{digits}" for digits in hashes], dtype=pl.String)


def _identifiers(source: pl.DataFrame, layout: Layout, customer: str) -> pl.DataFrame:
    frames = [_named_by_email(customer)]
    frames += [
        source.select(
            pl.lit(customer).alias("customer_id"), pl.lit(field).alias("field"), pl.col(name).alias("value")
        )
        for field, names in layout.identifiers.items()
        for name in names
    ]
    return pl.concat(frames).drop_nulls("value").unique(maintain_order=True)


def _named_by_email(customer: str) -> pl.DataFrame:
    """A customer who was named by an e-mail address is found again however that is typed."""
    rows = [(customer, "email", customer)] if "@" in customer else []
    return pl.DataFrame(rows, schema=IDENTIFIERS, orient="row")


def _rejected(refused: pl.DataFrame, source: pl.DataFrame) -> pl.DataFrame:
    rows = source.join(refused.select("row", reason="_reject"), on="row", how="inner", maintain_order="right")
    return rows.select("row", "reason", raw=pl.struct(pl.exclude("row", "reason")).struct.json_encode())


AMAZON = Format(
    name=FORMAT,
    title='Amazon\'s "Request My Data" export',
    reads="zip, zip of zips, folder, CSV or JSON, of any of its three generations; whose it is comes from --customer",
    gives=gives(),
    recognises=is_export,
    read=lambda path, options: read_together([path], options),
    together=read_together,
    vault=vault_columns,
    says_whose=False,
)
