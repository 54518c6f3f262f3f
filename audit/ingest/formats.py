"""The formats that can be imported, in the order in which they are asked whether a file is theirs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from audit.errors import InputError
from audit.events.document import Document
from audit.ingest.batch import Batch

if TYPE_CHECKING:
    from audit.ingest.mapped import TableMap


@dataclass(frozen=True, slots=True)
class Options:
    """What an import was told: whose export it is, where local times are read, how a table is mapped."""

    customer: str | None = None
    time_zone: str = "UTC"
    mapping: "TableMap | None" = None
    progress: Callable[[int, int, str], None] | None = None

    def tell(self, done: int, total: int, path: str) -> None:
        """Report `done` of `total` bytes of `path`."""
        if self.progress is not None:
            self.progress(done, total, path)


@dataclass(frozen=True, slots=True)
class Format:
    """A source we can read.

    - `name`, `title`: for `--format` and for people; `reads`: the files it takes; `gives`: kinds of events;
    - `recognises`: whether a file or folder is of this format, by what is in it;
    - `read`: its rows in batches, each complete in itself. Raises InputError;
    - `together`: the same for files and folders that are one export in several parts, where that makes a difference.
    """

    name: str
    title: str
    reads: str
    gives: tuple[str, ...]
    recognises: Callable[[Path], bool]
    read: Callable[[Path, Options], Iterator[Batch]]
    together: Callable[[Sequence[Path], Options], Iterator[Batch]] | None = None


def formats() -> tuple[Format, ...]:
    """Every format, the most particular first."""
    from audit.ingest import canonical
    from audit.ingest.amazon.reader import AMAZON

    return (AMAZON, *canonical.FORMATS)


class FormatEntry(Document):
    """A format: its name for `--format`, what it is, the files it takes, and the kinds of events it gives."""

    name: str
    title: str
    reads: str
    gives: tuple[str, ...]


class Formats(Document, schema="whysent.formats/1"):
    """The formats that `import` reads, the most particular first."""

    formats: tuple[FormatEntry, ...]


def document() -> Formats:
    """The answer of `whysent formats`."""
    listed = (
        FormatEntry(name=one.name, title=one.title, reads=one.reads, gives=one.gives) for one in formats()
    )
    return Formats(formats=tuple(listed))


_DATA = (".csv", ".tsv", ".ndjson", ".jsonl", ".json", ".parquet", ".zip", ".gz", ".zst")


@dataclass(frozen=True, slots=True)
class Source:
    """A file or folder and the format that reads it."""

    path: Path
    format: Format


def plan(paths: Sequence[Path], name: str | None, options: Options) -> tuple[list[Source], list[Path]]:
    """Who reads what: the sources, and files inside folders that no format knows.

    Raises InputError for a path that does not exist, cannot be read or that no format knows, before anything is taken.
    """
    chosen = _named(name, options)
    sources: list[Source] = []
    unknown: list[Path] = []
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder")
        found = _whose(path, chosen)
        if found is not None:
            sources.append(Source(path, found))
        elif path.is_dir():
            inside, strangers = _inside(path, chosen)
            sources += inside
            unknown += strangers
        else:
            raise InputError(
                f"{path}: no format we know; see `whysent formats`, or describe it with --map FILE.toml"
            )
    if not sources:
        raise InputError(f"{', '.join(map(str, paths))}: no file that we can read there")
    return _together(sources), unknown


def _together(sources: Sequence[Source]) -> list[Source]:
    """The sources, those that are parts of one export as one."""
    made = [source for source in sources if source.format.together is None]
    for name in dict.fromkeys(source.format.name for source in sources if source.format.together is not None):
        parts = [source for source in sources if source.format.name == name]
        made.append(Source(parts[0].path, _reading(parts[0].format, [part.path for part in parts])))
    return made


def _reading(whole: Format, paths: Sequence[Path]) -> Format:
    together = whole.together
    return whole if together is None else replace(whole, read=lambda _, options: together(paths, options))


def _named(name: str | None, options: Options) -> tuple[Format, ...]:
    if options.mapping is not None:
        from audit.ingest import mapped

        return (mapped.FORMAT,)
    if name is None:
        return formats()
    chosen = tuple(one for one in formats() if one.name == name)
    if not chosen:
        raise InputError(f"no format {name!r}; there are {', '.join(one.name for one in formats())}")
    return chosen


def _whose(path: Path, chosen: Sequence[Format]) -> Format | None:
    return next((one for one in chosen if one.recognises(path)), None)


def _inside(folder: Path, chosen: Sequence[Format]) -> tuple[list[Source], list[Path]]:
    """The sources in a folder, and what no format knows there; hidden files are left alone."""
    sources, strangers = [], []
    for path in _files(folder):
        try:
            found = _whose(path, chosen)
        except InputError:
            if path.suffix.lower() in _DATA:
                raise
            found = None
        if found is None:
            strangers.append(path)
        else:
            sources.append(Source(path, found))
    return sources, strangers


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(
            each
            for each in folder.rglob("*")
            if each.is_file() and not any(part.startswith(".") for part in each.relative_to(folder).parts)
        )
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror})") from error
