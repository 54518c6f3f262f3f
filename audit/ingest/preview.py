"""Before a file is taken in: what it is, what its first rows become, and the suggested map as lines that can be answered otherwise.

Nothing of it stays: a preview is an import that is given up.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from msgspec.structs import replace

from audit.errors import InputError
from audit.events.document import Document
from audit.events.schema import NEEDED, SCHEMA, conform
from audit.ingest import formats, timestamps
from audit.ingest.attributes import IDENTIFIERS, apart
from audit.ingest.format import Format, Options
from audit.ingest.free_text import without
from audit.ingest.report import Imported
from audit.ingest.run import Run, source_id
from audit.ingest.suggest import DROPPED, KEPT, TO_VAULT, UNSAID, Draft, draft_of, safe_path
from audit.privacy import scan
from audit.privacy.clean import clean, mask

if TYPE_CHECKING:
    from audit.workspace.workspace import Workspace

EVENTS = 20
"""Events that a preview shows."""

_BLOCK, _ROWS, _BATCHES = 512 * 1024, 1000, 50
"""A preview reads blocks of so many bytes, until it has so many rows, in at most so many batches."""

_SHOWN, _WIDEST = 2, 40
"""Values of a column that its line shows, and characters of each."""


class MapLine(Document):
    """Something of a file that its map says something about, and what it says.

    `id`: `column:NAME`, `word:WORD` (of a kind), `rows` (the kind of every row), `zone`, `times` (which of several forms) or
    `decimal`; `values`: two of a column, identifiers masked; `becomes` one of `may`; `doubt`: what is unsure.
    """

    id: str
    name: str
    values: tuple[str, ...]
    becomes: str
    doubt: str
    may: tuple[str, ...]


class MapForm(Document):
    """A suggested map as lines that can be answered otherwise, unsure ones first; `missing`: what an event needs and no line says."""

    lines: tuple[MapLine, ...]
    map: str
    missing: tuple[str, ...]


def form(path: Path, choices: Mapping[str, str]) -> MapForm:
    """The map of a file as lines, with what somebody chose of them (the id of a line → what it becomes). Raises InputError."""
    draft = draft_of(path, choices)
    text = draft.text()
    lines = [*_columns(draft), *(_line(draft, line, *answer) for line, answer in draft.answers.items())]
    stated = {*draft.taken}
    if any(line.id == "rows" and line.becomes != UNSAID for line in lines):
        stated.add("kind")
    return MapForm(
        lines=tuple(sorted(lines, key=lambda line: not line.doubt)),
        map=text,
        missing=tuple(name for name in NEEDED if name not in stated),
    )


def _columns(draft: Draft) -> list[MapLine]:
    ours_of = {name: ours for ours, names in draft.several.items() for name in names}
    ours_of |= {theirs: ours for ours, theirs in draft.taken.items()}
    rest = (name for name in SCHEMA if name not in (*NEEDED, "attributes"))
    may = (KEPT, DROPPED, *NEEDED, *rest, *(TO_VAULT + name for name in IDENTIFIERS))
    persons = {name: field for name in draft.columns if (field := draft.identifier(name))}
    lines = []
    for name, column in draft.columns.items():
        identifier = draft.identifier(name)
        kept = TO_VAULT + identifier if identifier else draft.chosen(name) or KEPT
        becomes = ours_of.get(name, kept)
        masked = identifier or ("other" if becomes == "customer_id" else None)
        rows = (column.is_not_null() & column.is_first_distinct()).arg_true().head(_SHOWN)
        shown = [mask(masked, column[row]) if masked else _clear(draft, persons, name, row) for row in rows]
        values = tuple(dict.fromkeys(value[:_WIDEST] for value in shown))
        lines.append(replace(_line(draft, f"column:{name}", name, becomes, may), values=values))
    return lines


def _clear(draft: Draft, persons: Mapping[str, str], name: str, row: int) -> str:
    """A value without identifiers, and without what the columns of `persons` (→ their field of the vault) say in its row."""
    plain, inside = apart({"": clean(draft.columns[name][row])})
    said = ((field, draft.columns[other][row]) for other, field in persons.items())
    known = sorted(((-len(value), field, value) for field, value in (*said, *inside) if value))
    longest_first = [(field, value) for _, field, value in known]
    return scan.scrubbed(without(plain.get("", ""), longest_first, alone=True))


def _line(draft: Draft, line: str, name: str, becomes: str, may: Sequence[str]) -> MapLine:
    doubt = draft.doubts.get(line, "")
    return MapLine(id=line, name=safe_path(name), values=(), becomes=becomes, doubt=doubt, may=tuple(may))


@dataclass(frozen=True, slots=True)
class Preview:
    """What an import of a file's first rows would do; `is_whole`: they are all of it.

    `events`: the first twenty, in canonical columns, as they would be stored; `skipped` and `refused`: reason → rows.
    """

    format: Format
    report: Imported
    is_whole: bool
    events: pl.DataFrame
    skipped: Mapping[str, int]
    refused: Mapping[str, int]
    lost_opt_outs: int


def preview(
    ws: "Workspace",
    path: Path,
    by_map: Format | None = None,
    *,
    time_zone: str = "UTC",
    customer: str | None = None,
) -> Preview:
    """What an import of `path` would do, tried on its first rows; `customer`: whose it is, where it does not say.

    Raises InputError, and WorkspaceError while another writes.
    """
    sources, _ = formats.plan([path], None, by_map)
    options = Options(source_id(ws, customer), timestamps.zone(time_zone), block=_BLOCK)
    with ws.writing():
        sample = _Sample(ws, options)
        try:
            is_whole = sample.read(sources)
        except pl.exceptions.PanicException as error:
            raise InputError(
                f"{path}: cannot be read ({str(error).splitlines()[0]}); fetch it again"
            ) from error
        finally:
            ws.vault.discard(sample.import_id)
    return Preview(
        sources[0].format,
        sample.report.document(),
        is_whole,
        sample.first_events(),
        Counter(sample.report.skipped_by_reason),
        Counter(sample.report.refused_by_reason),
        sample.lost_opt_outs,
    )


class _Sample(Run):
    """An import of the first rows that keeps what it would store, and is given up."""

    def __init__(self, ws: "Workspace", options: Options) -> None:
        super().__init__(ws, options)
        self._as_kept: list[pl.DataFrame] = []

    def read(self, sources: Sequence[formats.Source]) -> bool:
        """Take rows until there are enough; whether these were all."""
        batches = (batch for source in sources for batch in source.format.read(source.path, self._options))
        is_whole = True
        for number, batch in enumerate(batches, start=1):
            if number > _BATCHES or self.report.total("rows") >= _ROWS:
                is_whole = False
                break
            self.take(batch)
        self.flush()
        self.report.customers = len(self._customers)
        return is_whole

    def _fresh(self, events: pl.DataFrame) -> pl.DataFrame:
        self._as_kept.append(conform(events))
        return super()._fresh(events)

    def _store(self, fresh: pl.DataFrame) -> None:
        """Nothing of it is kept."""

    def first_events(self) -> pl.DataFrame:
        """The first as they would be kept, or are already, in the order of time."""
        return pl.concat([pl.DataFrame(schema=SCHEMA), *self._as_kept]).sort("occurred_at").head(EVENTS)

    @property
    def lost_opt_outs(self) -> int:
        """Refused rows that look like a no, a complaint or a bounce."""
        return sum(int(refused["opt_out"].sum()) for refused in self._refused)
