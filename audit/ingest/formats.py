"""The formats that can be imported, in the order in which they are asked whether a file is theirs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

import msgspec

from audit.errors import InputError
from audit.events.document import Document
from audit.ingest import canonical, map_formats, readers
from audit.ingest.amazon.reader import AMAZON
from audit.ingest.format import Format

GROUP = "whysent.formats"
"""The entry points by which other distributions bring formats: NAME = the package beside whose code NAME.toml lies."""


_OURS = tuple(ours.name for ours in canonical.FORMATS)


def formats() -> tuple[Format, ...]:
    """Every format, the most particular first; those of others take no file that one of ours knows."""
    return (*_ours(), *external()[0], *canonical.FORMATS)


def _ours() -> tuple[Format, ...]:
    return (AMAZON, *map_formats.shipped())


class Unusable(Document):
    """A format of another distribution that is left out, and why."""

    name: str
    package: str
    problem: str


@cache
def external() -> tuple[tuple[Format, ...], tuple[Unusable, ...]]:
    """The formats that other distributions bring, and those of them that cannot be used; one that is broken costs no other."""
    known = {ours.name for ours in (*_ours(), *canonical.FORMATS)}
    usable: list[Format] = []
    unusable: list[Unusable] = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)):
        package = entry.dist.name if entry.dist is not None else entry.value
        try:
            brought = _brought(entry, known)
        except InputError as error:
            unusable.append(Unusable(name=entry.name, package=package, problem=str(error)))
        else:
            usable.append(replace(brought, package=package))
            known.add(entry.name)
    return tuple(usable), tuple(unusable)


def _brought(entry: EntryPoint, known: Collection[str]) -> Format:
    """The format of an entry point; no code of its package runs. Raises InputError."""
    if entry.name in known:
        raise InputError(f"there is a format {entry.name} already; give it another name")
    if "." in entry.value or ":" in entry.value:
        raise InputError(
            f"{entry.value}: name a package at the top, beside whose code {entry.name}.toml lies"
        )
    spec = find_spec(entry.value)
    if spec is None or not spec.submodule_search_locations:
        raise InputError(
            f"{entry.value}: no such package is installed; name the one beside whose code {entry.name}.toml lies"
        )
    brought = map_formats.format_in(Path(next(iter(spec.submodule_search_locations))) / f"{entry.name}.toml")
    if brought.name != entry.name:
        raise InputError(
            f"its map calls itself {brought.name}, its entry point {entry.name}; call both the same"
        )
    return brought


class FormatEntry(Document):
    """A format: its name for `--format`, what it is, the files it takes, and the kinds of events it gives.

    `package`: the distribution that brings it, if that is another than ours.
    """

    name: str
    title: str
    reads: str
    gives: tuple[str, ...]
    package: str | None


class Formats(Document, schema="whysent.formats/1"):
    """The formats that `import` reads, the most particular first; `unusable`: those of other distributions that it cannot use."""

    formats: tuple[FormatEntry, ...]
    unusable: tuple[Unusable, ...]


def document() -> Formats:
    """The answer of `whysent formats`."""
    entries = msgspec.convert(formats(), tuple[FormatEntry, ...], from_attributes=True)
    return Formats(formats=entries, unusable=external()[1])


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
        if not (path.is_file() or path.is_dir()):
            raise InputError(f"{path}: is a pipe or a device; write what comes out of it into a file first")
        inside, strangers = _found(path, chosen)
        sources += inside
        unknown += strangers
        if not inside and path.is_file():
            raise _unknown(path)
    if not sources:
        raise InputError(
            f"{', '.join(map(str, paths))}: no file that we can read there; `whysent formats` lists what is read"
        )
    return _together(sources), unknown


def is_known(path: Path) -> bool:
    """Whether a format reads a file by what is in it, or anything in a folder. Raises InputError for what is not there or cannot be read."""
    if not path.exists():
        raise InputError(f"{path}: no such file or folder; look at its name")
    sources, _ = _found(path, formats())
    return any(
        path.is_dir() or source.format.name not in _OURS or canonical.names_events(path) for source in sources
    )


def says_whose(path: Path) -> bool:
    """Whether a file, or all in a folder, names its customers itself. Raises InputError as `plan`."""
    sources, _ = plan([path], None, None)
    return all(source.format.says_whose for source in sources)


def _together(sources: Sequence[Source]) -> list[Source]:
    """The sources, those that are parts of one export as one."""
    joined = [source for source in sources if source.format.together is None]
    exports = [source for source in sources if source.format.together is not None]
    for name in dict.fromkeys(source.format.name for source in exports):
        parts = [source for source in exports if source.format.name == name]
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
    return tuple(
        known if known.map is None else replace(known, recognises=map_formats.readable)
        for known in named(name)
    )


def named(name: str) -> tuple[Format, ...]:
    """The format of a name. Raises InputError where there is none."""
    chosen = tuple(known for known in formats() if known.name == name)
    if not chosen:
        raise InputError(f"no format {name!r}; there are {', '.join(known.name for known in formats())}")
    return chosen


def _found(path: Path, chosen: Sequence[Format]) -> tuple[list[Source], list[Path]]:
    """The sources in a file or folder, and what no format knows there."""
    reader = _whose(path, chosen)
    if path.is_file() and readers.file_type(path).kind == "zip" and (reader is None or reader.members):
        return _inside_zip(path, reader, chosen)
    if reader is not None:
        return [Source(path, reader)], []
    return _inside(path, chosen) if path.is_dir() else ([], [path])


def _inside_zip(
    path: Path, export: Format | None, chosen: Sequence[Format]
) -> tuple[list[Source], list[Path]]:
    """The same of a zip, which as an `export` may be of a format; as of a folder with the same files."""
    files = readers.members(path)
    for name, error in files.items():
        if error is not None and readers.plain_name(name).endswith((*readers.KINDS, *readers.PACKINGS)):
            raise error
    unread = {name for name, error in files.items() if error is None}
    sources: list[Source] = []
    if export is not None and export.name not in _OURS:
        sources, unread = [Source(path, _only(export, unread))] if unread else [], set()
    for reader in chosen:
        recognised = reader.members(path) if reader.members and unread else ()
        if members := {name for name in unread for table in recognised if f"{table}!".startswith(f"{name}!")}:
            sources.append(Source(path, _only(reader, members)))
            unread -= members
    if export is not None and not sources:
        return [Source(path, export)], []
    return sources, [Path(name) for name, error in files.items() if error is not None or name in unread]


def _unknown(path: Path) -> InputError:
    """Why nothing of a file is read."""
    is_zip = readers.file_type(path).kind == "zip"
    problem = next((error for error in readers.members(path).values() if error), None) if is_zip else None
    return problem or InputError(
        f"{path}: no format we know; see `whysent formats`, or describe it with --map FILE.toml"
    )


def _only(reader: Format, names: Collection[str]) -> Format:
    """A format that reads these files of a zip."""
    return replace(
        reader, read=lambda path, options: reader.read(path, replace(options, only=names)), together=None
    )


def _whose(path: Path, chosen: Sequence[Format]) -> Format | None:
    return next((reader for reader in chosen if reader.recognises(path)), None)


def _inside(folder: Path, chosen: Sequence[Format]) -> tuple[list[Source], list[Path]]:
    """The sources in a folder, and what no format knows there; hidden files are left alone. Of the mails the first tells whose they are.

    A table with hardly a column of ours is ours by the ending of its name alone: it is left alone where others are read.
    """
    sources: list[Source] = []
    by_ending: list[Source] = []
    strangers: list[Path] = []
    of_mails: Format | None = None
    for path in _files(folder):
        try:
            is_mail = readers.file_type(path).kind == "mail"
            if is_mail and of_mails:
                within = [Source(path, of_mails)]
            else:
                within, unreadable = _found(path, chosen)
                strangers += unreadable
            of_mails = within[0].format if is_mail and within else of_mails
        except InputError:
            if path.suffix.lower() in (*readers.KINDS, *readers.PACKINGS):
                raise
            strangers.append(path)
            continue
        is_ours = len(chosen) > 1 and any(source.format.name in _OURS for source in within)
        hardly = is_ours and not canonical.names_events(path, fewest=2)
        (by_ending if hardly else sources).extend(within)
    if not sources:
        return by_ending, strangers
    return sources, sorted([*strangers, *(source.path for source in by_ending)])


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(
            path
            for path in folder.rglob("*")
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        )
    except OSError as error:
        raise InputError(f"{folder}: cannot be read ({error.strerror}); check its permissions") from error
