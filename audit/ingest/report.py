"""What an import did, file by file: every row is accounted for."""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import polars as pl
from msgspec import convert
from msgspec.structs import replace

from audit.events.document import Document
from audit.events.vocabulary import LOOKS_LIKE_AN_OPT_OUT, MUST_NOT_BE_LOST
from audit.ingest import strict_json
from audit.ingest.values import as_text
from audit.population import coverage
from audit.privacy import scan
from audit.privacy.vault_tables import Shared
from audit.storage import private_files

if TYPE_CHECKING:
    from audit.privacy.vault import Vault


MOST_SHARED = 20
"""House value: so many addresses of several customers an import lists."""


class FileReport(Document):
    """A file, and what became of its rows."""

    path: str
    format: str
    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    quarantined: int = 0
    skipped: int = 0


class UnreadField(Document):
    """A column of which values could not be read; their rows came in without them, the text is in `attributes`."""

    column: str
    reason: Literal["unread", "ambiguous", "out_of_range"]
    """unread: it is nothing that this column can hold; ambiguous: 1,234 means two numbers and its column does not say which;
    out_of_range: beyond 10^12."""
    rows: int


class HeldBack(Document):
    """A column that nobody knows and whose values look like identifiers: it is not stored, until a map says what it is."""

    column: str
    looks_like: Literal["e-mail", "phone", "card", "IBAN", "IP", "device"]
    rows: int


QUARANTINED: dict[str, pl.DataType] = {
    "file": pl.String(), "row": pl.UInt64(), "reason": pl.String(), "raw": pl.Binary(),
    "customer": pl.String(), "opt_out": pl.Boolean(),
}  # fmt: skip
"""A row in quarantine; `raw` is sealed. `customer`: the pseudonym, null where the row names nobody that is known; `opt_out`:
whether it looks like a no, a complaint or a bounce."""

COUNTS = ("rows", "accepted", "duplicates", "quarantined", "skipped")


class Imported(Document, schema="whysent.import/1"):
    """What an import took: `rows = accepted + duplicates + quarantined + skipped`, in each file and in all."""

    files: tuple[FileReport, ...]
    rows: int
    accepted: int
    """A row that makes several events counts once."""
    events: int
    """New events: a row may make several, and several rows one."""
    duplicates: int
    quarantined: int
    skipped: int
    """Rows of no interest; named by reason on stderr."""
    customers: int
    first: datetime | None
    last: datetime | None
    quarantine: str | None
    """The file with the refused rows: an absolute path."""
    repeated: int
    """Those of the duplicates that repeat a row of this same import; all others were known before."""
    bare_times: dict[str, int]
    """By time zone, how many times without an offset were read in it."""
    before_1990: int
    """Events before 1990."""
    several_zones: int
    """Customers with more than one time zone in this import, offsets not counted."""
    future: int
    """Events later than the import: no answer rests on them."""
    lost_opt_outs: int
    """Quarantined rows that look like a no, a complaint or a bounce."""
    unread: dict[str, int]
    """By column, how many values could not be read."""
    unread_fields: tuple[UnreadField, ...]
    """The same by column and reason."""
    held_back: tuple[HeldBack, ...]
    """Unknown columns that look like identifiers and were not stored."""
    future_opt_outs: int
    """Of the events later than the import those that are a no, a complaint or a bounce: no answer knows of them."""
    others: int
    """Events of a kind that a map or format does not know and keeps as `other`."""
    other_kinds: dict[str, int]
    """The words of these kinds and how many rows say each, most first; known and refused ones counted."""
    other_opt_outs: int
    """Rows among these whose word looks like a no, a complaint or a bounce."""
    linked: int
    """Links of two ids that the files say are one person."""
    not_linked: int
    """Ids that a file saw with one more customer, and that stay with the first: several people at one device."""
    same_address: int
    """How many addresses and telephone numbers several customers have in common, of which one is in this import."""
    shared: tuple[Shared, ...]
    """The first 20 of them."""
    joined_by_last: dict[str, int]
    """By file that a map joins, how many keys have several rows there that differ in what is taken: the last of each was."""
    updated: int
    """Accepted rows that took the place of an earlier row with the same key; those are kept as superseded."""


@dataclass(slots=True)
class ImportReport:
    """An import as a whole.

    - `events`: those that are new; `customers`, `first`, `last` (UTC): of the events that could be read, new or known;
    - `skipped_by_reason`: rows of no interest; `refused_by_reason`: rows in quarantine;
    - `future`: events later than the import, `future_opt_outs` those that are a no, a complaint or a bounce; `lost_opt_outs`: rows in quarantine that look like a no, a complaint or a bounce;
    - `repeated`: duplicates that repeat a row of this import; `bare_times`: times without an offset, by the zone they were
      read in; `before_1990`: events so early; `several_zones`: customers with more than one time zone;
    - `unread`: fields that were left out of rows, by column and reason;
    - `held_back`: rows that have a value in a column which looks like identifiers, by column and what it looks like;
    - `others`: events kept as `other`, `other_kinds` by their word; `updated`: events that took the place of known ones with their key;
    - `joined_by_last`: keys of which a joined file has several rows that differ, by that file;
    - `linked`: links of ids that the files say are one person, `not_linked`: ids that stay with the first they were seen with;
    - `quarantine`: the file with the refused rows, None if there are none;
    - `unknown`: files inside given folders that no format knows.
    """

    files: list[FileReport] = field(default_factory=list)
    events: int = 0
    customers: int = 0
    first: datetime | None = None
    last: datetime | None = None
    quarantine: Path | None = None
    future: int = 0
    lost_opt_outs: int = 0
    future_opt_outs: int = 0
    others: int = 0
    other_kinds: Counter[str] = field(default_factory=Counter)
    joined_by_last: dict[str, int] = field(default_factory=dict)
    updated: int = 0
    linked: int = 0
    shared: list[Shared] = field(default_factory=list)
    not_linked: int = 0
    skipped_by_reason: Counter[str] = field(default_factory=Counter)
    refused_by_reason: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    bare_times: Counter[str] = field(default_factory=Counter)
    before_1990: int = 0
    several_zones: int = 0
    unread: Counter[tuple[str, str]] = field(default_factory=Counter)
    held_back: Counter[tuple[str, str]] = field(default_factory=Counter)
    unknown: list[Path] = field(default_factory=list)

    def count(self, file: int, **rows: int) -> None:
        """Add to the counts of one of the files."""
        before = self.files[file]
        counts = {name: getattr(before, name) + number for name, number in rows.items()}
        self.files[file] = replace(before, **counts)

    def total(self, name: str) -> int:
        """The sum of one of `COUNTS` over all files."""
        return sum(getattr(file, name) for file in self.files)

    @property
    def nothing_taken(self) -> bool:
        """Whether nothing came in and no row was known already."""
        return self.total("accepted") + self.total("duplicates") + self.events == 0

    def document(self) -> Imported:
        """The answer of `whysent import`."""
        unread = [
            {"column": column, "reason": reason, "rows": rows}
            for (column, reason), rows in sorted(self.unread.items())
        ]
        held_back = [
            {"column": column, "looks_like": looks_like, "rows": rows}
            for (column, looks_like), rows in self.held_back.items()
        ]
        by_column: Counter[str] = Counter()
        for (column, _), rows in self.unread.items():
            by_column[column] += rows
        return Imported(
            files=tuple(self.files),
            **{name: self.total(name) for name in COUNTS},
            events=self.events,
            customers=self.customers,
            first=self.first,
            last=self.last,
            quarantine=None if self.quarantine is None else str(self.quarantine.resolve()),
            repeated=self.repeated,
            bare_times=dict(self.bare_times),
            before_1990=self.before_1990,
            several_zones=self.several_zones,
            future=self.future,
            lost_opt_outs=self.lost_opt_outs,
            unread=dict(by_column.most_common()),
            unread_fields=convert(unread, tuple[UnreadField, ...]),
            held_back=convert(held_back, tuple[HeldBack, ...]),
            future_opt_outs=self.future_opt_outs,
            others=self.others,
            other_kinds=dict(self.other_kinds.most_common()),
            other_opt_outs=sum(
                rows for word, rows in self.other_kinds.items() if re.search(LOOKS_LIKE_AN_OPT_OUT, word)
            ),
            joined_by_last={scan.scrubbed(name): keys for name, keys in self.joined_by_last.items()},
            updated=self.updated,
            linked=self.linked,
            same_address=len(self.shared),
            shared=tuple(self.shared[:MOST_SHARED]),
            not_linked=self.not_linked,
        )


def raw_text(rows: pl.DataFrame) -> pl.DataFrame:
    """`row` and `raw`: each row of a source as one JSON object, for sources that are not lines of text."""
    names = [name for name in rows.columns if name != "row"]
    texts = [
        strict_json.dumps(
            {
                name: value if value is None or isinstance(value, str) else str(value)
                for name, value in zip(names, row, strict=True)
                if value is not None
            }
        )
        for row in rows.select(names).iter_rows()
    ]
    return rows.select("row").with_columns(pl.Series("raw", texts, dtype=pl.String))


def with_customer(refused: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """Add `customer`: the source's own id of whom a refused row is about, where that could be read."""
    if "customer_id" not in events.columns:
        return refused.with_columns(pl.lit(None, pl.String).alias("customer"))
    named = (
        events.select("row", as_text(events["customer_id"]).alias("customer"))
        .drop_nulls()
        .unique("row", keep="first")
    )
    return refused.join(named, on="row", how="left", maintain_order="left")


def with_opt_outs(refused: pl.DataFrame, events: pl.DataFrame, path: str) -> pl.DataFrame:
    """Fill `opt_out`, which is known where a kind could be read.

    Else a row looks like a no by its text, by the name of its file, or because all others in it are.
    """
    kinds = events["kind"].drop_nulls() if "kind" in events.columns else pl.Series(dtype=pl.String)
    all_are = kinds.len() > 0 and bool(kinds.is_in(MUST_NOT_BE_LOST).all())
    by_name = re.search(LOOKS_LIKE_AN_OPT_OUT, path.replace("!", "/").rsplit("/", 1)[-1]) is not None
    by_text = pl.col("raw").str.contains(LOOKS_LIKE_AN_OPT_OUT).fill_null(value=False)
    return refused.with_columns(pl.coalesce("opt_out", by_text | pl.lit(value=all_are or by_name)))


def with_pseudonyms(refused: pl.DataFrame, vault: "Vault") -> pl.DataFrame:
    """`customer` by pseudonym; null for whom no event is known."""
    sources = refused["customer"].drop_nulls().unique()
    known = vault.everybody() if sources.len() else {}
    names = {source: known.get(vault.source_token(source)) for source in sources}
    return refused.with_columns(
        pl.col("customer").replace_strict(names, default=None, return_dtype=pl.String)
    )


def less(counts: pl.DataFrame, gone: pl.DataFrame) -> pl.DataFrame:
    """Counts of events a day without those that `gone` counts, both in the shape of `coverage.DAILY`."""
    day = ["source_name", "kind", "day"]
    left = counts.join(gone, on=day, how="left", maintain_order="left", suffix="_gone")
    remaining = pl.col("rows") - pl.min_horizontal("rows", pl.col("rows_gone").fill_null(0))
    return left.with_columns(remaining.alias("rows")).filter(pl.col("rows") > 0).select(*coverage.DAILY)


def write_quarantine(folder: Path, refused: pl.DataFrame, vault: "Vault") -> str:
    """Write refused rows (columns `file, row, reason, raw` in clear) to the folder `folder`; answers the file's name.

    The same rows again have the same name, and are not written twice.
    """
    digest = hashlib.blake2b(key=vault.purpose_key("quarantine"), digest_size=16)
    for row in refused.iter_rows():
        digest.update(repr(row).encode("utf-8", "replace"))
    path = folder / f"{digest.hexdigest()}.parquet"
    if not path.exists():
        sealed = [vault.seal(text.encode("utf-8", "replace")) for text in refused["raw"].fill_null("")]
        rows = refused.with_columns(pl.Series("raw", sealed, dtype=pl.Binary)).select(*QUARANTINED)
        private_files.write_parquet(path, rows)
    return path.name
