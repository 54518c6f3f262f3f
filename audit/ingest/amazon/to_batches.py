"""A file of the export into batches: columns by name, identifiers apart, everything else kept."""

import hashlib
from collections.abc import Iterator, Sequence

import polars as pl

from audit.events.schema import SCHEMA
from audit.ingest import attributes
from audit.ingest.amazon import clean_cells as cell
from audit.ingest.amazon.archive_members import Member
from audit.ingest.amazon.dataset_rules import REFINE
from audit.ingest.amazon.datasets import Dataset, book
from audit.ingest.amazon.dates import dates_only, moments
from audit.ingest.amazon.import_state import Run
from audit.ingest.amazon.table import Chunk, Table
from audit.ingest.batch import IDENTIFIERS, Batch

FORMAT = "amazon"
_HEX = 16


def batches(member: Member, dataset: Dataset, customer: str, run: Run) -> Iterator[Batch]:
    """All rows of one file, as events of `customer`. Rows of a file that is not to be read are skipped, and counted."""
    with member.open() as stream:
        table = Table(stream, member.path, overflow=dataset.overflow, footers=book().footers)
        layout = Layout(dataset, table.header)
        reason = _why_not(member, dataset, layout)
        for chunk in table.chunks():
            yield _skipped(member, chunk, reason) if reason else _batch(member, chunk, layout, customer, run)
            run.tell(member, table.read_bytes)
        if not table.rows:
            yield _skipped(member, Chunk(), reason)
        run.done += member.size


class Layout:
    """Where each of our columns, each identifier and each other column stands in one file."""

    def __init__(self, dataset: Dataset, header: Sequence[str]) -> None:
        self.dataset = dataset
        self.header = [name or f"column {place}" for place, name in enumerate(header, start=1)]
        theirs = {name.casefold(): name for name in self.header}
        self.columns = {ours: _present(names, theirs) for ours, names in dataset.columns.items()}
        self.identifiers = {field: _present(names, theirs) for field, names in dataset.identifiers.items()}
        self._hide(self._taken())
        hidden = {name for names in self.identifiers.values() for name in names}
        plain = {name for ours, names in self.columns.items() if _is_plain(ours) for name in names}
        self.visible = [name for name in self.header if name not in hidden]
        self.rest = [name for name in self.visible if name not in plain]

    @property
    def missing(self) -> list[str]:
        """Needed columns that the file lacks, by their usual name."""
        return [
            self.dataset.columns[ours][0]
            for ours in self.dataset.needs
            if ours in self.dataset.columns and not self.columns[ours]
        ]

    def _taken(self) -> set[str]:
        parts = (*self.columns.values(), *self.identifiers.values())
        return {name for names in parts for name in names}

    def _hide(self, taken: set[str]) -> None:
        """Columns that nobody foresaw and that are named like an identifier."""
        for name in self.header:
            field = next((field for pattern, field in book().hidden if pattern.search(name.casefold())), None)
            if name not in taken and field is not None:
                self.identifiers.setdefault(field, []).append(name)


def _present(names: Sequence[str], theirs: dict[str, str]) -> list[str]:
    return [theirs[name.casefold()] for name in names if name.casefold() in theirs]


def _is_plain(ours: str) -> bool:
    """Whether our column holds theirs as it was; a time is kept in the attributes as it was written, too."""
    return not ours.startswith("_") and ours != "occurred_at"


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
    return Batch(member.path, FORMAT, chunk.rows, _no_events(), skipped=skipped)


def _batch(member: Member, chunk: Chunk, layout: Layout, customer: str, run: Run) -> Batch:
    source = cell.flags(cell.tidy(chunk.cells(layout.header)))
    frame = _refined(_ours(source, layout), layout.dataset, run)
    frame = frame.with_columns(_missing(layout.dataset).alias("_reject"))
    skipped = frame.filter(pl.col("_reject").is_null() & pl.col("_skip").is_not_null())
    refused = frame.filter(pl.col("_reject").is_not_null())
    kept = frame.filter(pl.col("_reject").is_null() & pl.col("_skip").is_null())
    reasons = dict(skipped.group_by("_skip", maintain_order=True).len().iter_rows())
    if chunk.footer:
        reasons["the footer of the file"] = chunk.footer
    return Batch(
        path=member.path,
        format=FORMAT,
        rows=chunk.rows,
        events=_events(kept, source, layout, customer),
        identifiers=_identifiers(source.join(kept.select("row"), on="row", how="semi"), layout, customer),
        rejected=pl.concat([chunk.rejected(), _rejected(refused, source)]).sort("row"),
        skipped=reasons,
    )


def _ours(source: pl.DataFrame, layout: Layout) -> pl.DataFrame:
    """Our columns, all text but `occurred_at`; `_undated` holds whether a time stands there that cannot be read."""
    frame = source.select(
        "row",
        *(
            (pl.coalesce(names) if names else pl.lit(None, pl.String)).alias(ours)
            for ours, names in layout.columns.items()
        ),
        *(pl.lit(value).alias(ours) for ours, value in layout.dataset.constants.items()),
        pl.lit(None, pl.String).alias("_reject"),
        pl.lit(None, pl.String).alias("_skip"),
        pl.lit(None, pl.String).alias("occurred_at_is"),
    )
    if "occurred_at" not in frame.columns:
        return frame.with_columns(pl.lit(value=False).alias("_undated"))
    written = frame["occurred_at"]
    read = moments(written)
    date = pl.when(dates_only(written)).then(pl.lit("a date without a time of day"))
    return frame.with_columns(
        read, date.alias("occurred_at_is"), (written.is_not_null() & read.is_null()).alias("_undated")
    )


def _refined(frame: pl.DataFrame, dataset: Dataset, run: Run) -> pl.DataFrame:
    return REFINE[dataset.refine](frame, run) if dataset.refine else frame


def _missing(dataset: Dataset) -> pl.Expr:
    """Why a row is refused: a needed value is absent, its time cannot be read, or a word is unknown."""
    reasons = [pl.when("_undated").then(pl.lit(f"{dataset.columns.get('occurred_at', ('',))[0]} is no time"))]
    for ours in dataset.needs:
        named = dataset.columns[ours][0] if ours in dataset.columns else ours
        reasons.append(pl.when(pl.col(ours).is_null()).then(pl.lit(f"no {named}")))
    reasons.append(pl.when(pl.col("kind").is_null()).then(pl.lit("says nothing that we know")))
    return pl.coalesce("_reject", *reasons)


def _events(kept: pl.DataFrame, source: pl.DataFrame, layout: Layout, customer: str) -> pl.DataFrame:
    ours = [name for name in kept.columns if name in SCHEMA]
    rest = source.join(kept.select("row", "occurred_at_is"), on="row", how="inner", maintain_order="right")
    return kept.select("row", *ours).with_columns(
        pl.lit(customer).alias("customer_id"),
        pl.lit(layout.dataset.source_name).alias("source_name"),
        _event_ids(kept, rest, layout),
        attributes.of_columns(rest, [*layout.rest, "occurred_at_is"]).alias("attributes"),
    )


def _event_ids(kept: pl.DataFrame, rest: pl.DataFrame, layout: Layout) -> pl.Series:
    """One id for what is one event, in whichever file, version or generation it stands."""
    key = layout.dataset.key
    content = (
        kept.select(pl.struct(key).struct.json_encode())
        if key
        else rest.select(pl.struct(sorted(layout.visible)).struct.json_encode())
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


def _no_events() -> pl.DataFrame:
    return pl.DataFrame(schema={"row": pl.UInt64()})
