"""What whoever writes a format needs: a folder to begin with, what a format says of itself, and whether it keeps what every format promises."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from audit.errors import InputError
from audit.events.document import Document
from audit.ingest import formats, map_formats
from audit.ingest.format import Format, Options
from audit.ingest.map_conditions import Condition, Further, When, as_written
from audit.ingest.map_language import KEEP, Map
from audit.ingest.run import import_paths
from audit.privacy import keys
from audit.storage import toml_input

SAMPLES = "samples"
"""The folder of a format in which files lie as the source writes them."""

_LEAST = 4
"""Signs of an identifier from which on it is looked for: of fewer nearly every text has some."""


class Reason(Document):
    """What a source states as a reason, in our word; `because`: the column and the word of theirs, which is kept."""

    reason: str
    kind: str
    because: str


class FormatShown(Document, schema="whysent.format/1"):
    """A format: what it gives, what goes to the vault, what it leaves out and why, and how stated reasons are read.

    `vault`: field → the columns or paths that it names (others are known by their names in every format); `dropped`: not
    kept at all; `left_out`: rows counted as skipped; `unknown_kinds`: what becomes of words that it does not list;
    `reasons_of`: the columns of which any other reason is taken, word for word.
    """

    name: str
    title: str
    reads: str
    gives: tuple[str, ...]
    package: str | None
    vault: Mapping[str, tuple[str, ...]]
    dropped: tuple[str, ...]
    left_out: tuple[str, ...]
    unknown_kinds: str
    reasons: tuple[Reason, ...]
    reasons_of: tuple[str, ...]


def shown(name: str) -> FormatShown:
    """What a format says of itself. Raises InputError where there is none of that name."""
    (candidate,) = formats.named(name)
    parts = candidate.map.each_table if candidate.map is not None else ()
    vault = {field: dict.fromkeys(columns) for field, columns in candidate.vault().items()}
    for part in parts:
        for column, field in part.identifiers.items():
            vault.setdefault(field, {})[column] = None
    left_out = [reason for part in parts for reason in ([part.ignore] if part.ignore else _skips(part))]
    unlisted = {part.other_kinds or "refused" for part in parts if "kind" in part.columns}
    unknown = {
        KEEP: "kept as other, and counted",
        "skip": "left out, and counted",
        "refused": "refused, into quarantine",
    }
    return FormatShown(
        name=candidate.name,
        title=candidate.title,
        reads=candidate.reads,
        gives=candidate.gives,
        package=candidate.package,
        vault={field: tuple(columns) for field, columns in vault.items()},
        dropped=tuple(dict.fromkeys(name for part in parts for name in part.drop)),
        left_out=tuple(dict.fromkeys(left_out)),
        unknown_kinds="; ".join(sorted(unknown.get(word, f"taken as {word}") for word in unlisted)),
        reasons=tuple(dict.fromkeys(reason for part in parts for reason in _reasons(part))),
        reasons_of=tuple(
            dict.fromkeys(
                name for part in parts if "reason" in part.columns for name in part.columns["reason"].column
            )
        ),
    )


def _skips(part: Map) -> list[str]:
    return [skip.reason for skip in part.skip]


def _reasons(part: Map) -> Iterator[Reason]:
    conditions: tuple[When | Further, ...] = (*part.when, *part.event)
    for condition in conditions:
        reason = condition.set.get("reason", "")
        if reason:
            kind = condition.set.get("kind", "")
            yield Reason(reason=reason, kind=kind, because="; ".join(_tests(condition)))


def _tests(condition: Condition) -> Iterator[str]:
    for inner in (*condition.all, *condition.any):
        yield from _tests(inner)
    column = " or ".join(condition.column)
    if condition.equals is not None:
        yield f"{column} = {as_written(condition.equals)}"
    elif condition.is_in is not None:
        yield f"{column} = {', '.join(map(as_written, condition.is_in))}"
    elif condition.starts_with is not None:
        yield f"{column} = {as_written(condition.starts_with)}…"
    elif condition.pattern is not None:
        yield f"{column} like {condition.pattern}"
    elif condition.present is not None or condition.absent is not None:
        yield f"{column} is {'filled' if condition.present else 'empty'}"


# -- a folder to begin with ----------------------------------------------------------------------------------------


class Skeleton(Document, schema="whysent.format_skeleton/1"):
    """The files that were written to begin a format with."""

    folder: str
    files: tuple[str, ...]


def begin(name: str, target: Path) -> Skeleton:
    """Write a package with a format `name` into the folder `target`/whysent-`name`. Raises InputError."""
    if not name.isidentifier() or not name.islower():
        raise InputError(f"{name!r}: the name of a format is small letters, digits and _")
    if any(candidate.name == name for candidate in formats.formats()):
        raise InputError(
            f"{name}: there is a format of that name; choose another, or see `whysent formats show {name}`"
        )
    folder = target / f"whysent-{name}"
    if folder.exists():
        raise InputError(f"{folder}: is there already; name another folder with --in")
    package = f"whysent_{name}"
    texts = toml_input.shipped("audit.ingest", "format_skeleton.toml")
    written = {
        folder / "pyproject.toml": texts["project"],
        folder / "README.md": texts["readme"],
        folder / package / "__init__.py": texts["package"],
        folder / package / f"{name}.toml": texts["map"],
        folder / SAMPLES / "export.csv": texts["sample"],
    }
    try:
        for path, text in written.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.lstrip("\n").replace("NAME", name), encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written ({error.strerror}); name another folder with --in"
        ) from error
    return Skeleton(folder=str(folder), files=tuple(str(path.relative_to(folder)) for path in written))


# -- what every format promises ------------------------------------------------------------------------------------


class Promise(Document):
    """One thing that every format promises of a sample, and how it is kept."""

    sample: str
    what: str
    is_kept: bool
    detail: str


class Conformance(Document, schema="whysent.format_check/1"):
    """Whether a format keeps what every format promises, of each sample."""

    format: str
    promises: tuple[Promise, ...]


def check(folder: Path) -> Conformance:
    """Hold the format in a folder (NAME.toml, in it or one below) against its samples. Raises InputError for what cannot be read."""
    maps = sorted((*folder.glob("*.toml"), *folder.glob("*/*.toml")))
    written = [path for path in maps if path.name != "pyproject.toml" and "format" in toml_input.read(path)]
    if len(written) != 1:
        raise InputError(
            f"{folder}: {len(written)} maps with [format] there; a format is one such file, in it or one folder below"
        )
    candidate = map_formats.format_in(written[0])
    samples = sorted(path for path in (folder / SAMPLES).glob("*") if not path.name.startswith("."))
    if not samples:
        raise InputError(
            f"{folder / SAMPLES}: no sample; put files there as the source writes them, with invented people"
        )
    promises = tuple(promise for sample in samples for promise in _promises(candidate, sample))
    return Conformance(format=candidate.name, promises=promises)


def _promises(candidate: Format, sample: Path) -> Iterator[Promise]:
    from audit.workspace.workspace import Workspace

    def promise(promised: str, *, kept: bool, detail: str = "") -> Promise:
        return Promise(sample=sample.name, what=promised, is_kept=kept, detail=detail)

    with tempfile.TemporaryDirectory() as target:
        ws = Workspace.create(Path(target) / "ws", key=keys.generate())
        yield promise("is recognised by what is in it", kept=candidate.recognises(sample))
        rivals = [
            rival.name
            for rival in formats.formats()
            if rival.map is not None and rival.name != candidate.name and rival.recognises(sample)
        ]
        yield promise("no other format takes it", kept=not rivals, detail=", ".join(rivals))
        report = import_paths(ws, [sample], by_map=candidate)
        events = ws.scan().collect()
        yield promise(
            "gives events",
            kept=events.height > 0,
            detail=f"{events.height:,} of {report.total('rows'):,} rows",
        )
        refused = ", ".join(f"{rows:,} {reason}" for reason, rows in report.refused_by_reason.items())
        yield promise("no row is refused", kept=not refused, detail=refused)
        kinds = sorted({*events["kind"]} - {*candidate.gives})
        yield promise("gives the kinds that it says", kept=not kinds, detail=", ".join(kinds))
        in_clear = _in_clear(candidate, sample, events)
        yield promise("identifiers stand in the vault only", kept=not in_clear, detail=", ".join(in_clear))
        again = import_paths(ws, [sample], by_map=candidate)
        more = again.total("accepted")
        yield promise("taken again, nothing doubles", kept=not more, detail=f"{more:,} more" if more else "")
        cut = Path(target) / sample.name
        cut.write_bytes(sample.read_bytes()[:-7])
        shorter = import_paths(
            Workspace.create(Path(target) / "cut", key=keys.generate()), [cut], by_map=candidate
        )
        lost = report.total("accepted") - shorter.total("accepted")
        yield promise(
            "of a file cut short no more than a row is lost",
            kept=lost <= 1,
            detail=f"{lost:,} rows" * (lost > 1),
        )


def _in_clear(candidate: Format, sample: Path, events: pl.DataFrame) -> list[str]:
    """The fields of the vault of which a value stands in the events."""
    text = events.drop("customer_id").write_ndjson()
    batches = list(candidate.read(sample, Options()))
    found = pl.concat([batch.identifiers for batch in batches]).filter(
        pl.col("value").str.len_chars() >= _LEAST
    )
    return sorted({field for field, value in found.select("field", "value").unique().rows() if value in text})
