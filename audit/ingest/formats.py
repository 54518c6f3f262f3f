"""The formats that can be imported, in the order in which they are asked whether a file is theirs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from audit.errors import InputError
from audit.events.document import Document
from audit.ingest import canonical, map_formats, readers
from audit.ingest.amazon.reader import AMAZON
from audit.ingest.format import Format


def formats() -> tuple[Format, ...]:
    """Every format, the most particular first."""
    return (AMAZON, *map_formats.shipped(), *canonical.FORMATS)


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
    return Formats(formats=msgspec.convert(formats(), tuple[FormatEntry, ...], from_attributes=True))


@dataclass(frozen=True, slots=True)
class Source:
    """A file or folder and the format that reads it."""

    path: Path
    format: Format


def plan(paths: Sequence[Path], name: str | None, by_map: Format | None) -> tuple[list[Source], list[Path]]:
    """Who reads what: the sources, and files inside folders that no format knows.

    `name`: the one format that may read them; `by_map`: what reads them all, as a map says.
    Raises InputError for a path that does not exist, cannot be read or that no format knows, before anything is taken.
    """
    chosen = _named(name, by_map)
    sources: list[Source] = []
    unknown: list[Path] = []
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: no such file or folder; look at its name")
        reader = _whose(path, chosen)
        if reader is not None:
            sources.append(Source(path, reader))
        elif path.is_dir():
            inside, strangers = _inside(path, chosen)
            sources += inside
            unknown += strangers
        else:
            raise InputError(
                f"{path}: no format we know; see `whysent formats`, or describe it with --map FILE.toml"
            )
    if not sources:
        raise InputError(
            f"{', '.join(map(str, paths))}: no file that we can read there; `whysent formats` lists what is read"
        )
    return _together(sources), unknown


def is_known(path: Path) -> bool:
    """Whether a format reads a file by what is in it, or anything in a folder. Raises InputError for what is not there or cannot be read."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; look at its name")
    reader = _whose(path, formats())
    if reader is None:
        return path.is_dir() and bool(_inside(path, formats())[0])
    return reader not in canonical.FORMATS or canonical.names_events(path)


def _together(sources: Sequence[Source]) -> list[Source]:
    """The sources, those that are parts of one export as one."""
    joined = [source for source in sources if source.format.together is None]
    for name in dict.fromkeys(source.format.name for source in sources if source.format.together is not None):
        parts = [source for source in sources if source.format.name == name]
        joined.append(Source(parts[0].path, _reading(parts[0].format, [part.path for part in parts])))
    return joined


def _reading(whole_export: Format, paths: Sequence[Path]) -> Format:
    together = whole_export.together
    return (
        whole_export
        if together is None
        else replace(whole_export, read=lambda _, options: together(paths, options))
    )


def _named(name: str | None, by_map: Format | None) -> tuple[Format, ...]:
    if by_map is not None:
        return (by_map,)
    if name is None:
        return formats()
    chosen = tuple(known for known in formats() if known.name == name)
    if not chosen:
        raise InputError(f"no format {name!r}; there are {', '.join(known.name for known in formats())}")
    return tuple(
        replace(known, recognises=map_formats.readable) if known in map_formats.shipped() else known
        for known in chosen
    )


def _whose(path: Path, chosen: Sequence[Format]) -> Format | None:
    return next((reader for reader in chosen if reader.recognises(path)), None)


def _inside(folder: Path, chosen: Sequence[Format]) -> tuple[list[Source], list[Path]]:
    """The sources in a folder, and what no format knows there; hidden files are left alone. Of the mails the first tells whose they are."""
    sources, strangers = [], []
    of_mails: Format | None = None
    for path in _files(folder):
        try:
            is_mail = readers.file_type(path).kind == "mail"
            reader = of_mails if is_mail and of_mails else _whose(path, chosen)
            of_mails = reader if is_mail else of_mails
        except InputError:
            if path.suffix.lower() in (*readers.KINDS, *readers.PACKINGS):
                raise
            reader = None
        if reader is None:
            strangers.append(path)
        else:
            sources.append(Source(path, reader))
    return sources, strangers


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(
            path
            for path in folder.rglob("*")
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        )
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror}); check its permissions") from error
