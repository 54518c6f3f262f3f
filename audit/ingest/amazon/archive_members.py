"""The files of an export, wherever they lie: in a folder, a zip, a zip of zips, or several of them given together."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from audit.errors import InputError
from audit.ingest import archive
from audit.ingest.amazon.datasets import Dataset, book
from audit.ingest.amazon.table import table
from audit.privacy.clean import clean

_VERSION = re.compile(r"(?:-(\d{1,3})| \((\d{1,3})\))$")
_PART = re.compile(r"[._]\d{1,3}$")
_DOS_EPOCH = 1980
_CURATED = "your "
_ADDITIONAL = "additional data"


@dataclass(frozen=True)
class Member:
    """One file of an export.

    - `path`: for people;
    - `parts`: its folders and name inside the export;
    - `modified`: when it was made, UTC: what dates a snapshot that carries no date itself;
    - `size`: its bytes, unpacked;
    - `dataset`: what it is, None if nobody knows;
    - `repeats`: the path of the file that holds the same in a better form, None if this one is to be read.
    """

    path: str
    parts: tuple[str, ...]
    modified: datetime
    size: int
    open: Callable[[], AbstractContextManager[IO[bytes]]]
    dataset: Dataset | None = None
    repeats: str | None = None

    @property
    def curated(self) -> bool:
        """Whether it lies in one of the "Your ..." folders."""
        return any(part.casefold().startswith(_CURATED) for part in self.parts[:-1])

    @property
    def additional(self) -> bool:
        """Whether it lies under "Additional Data", which repeats what the curated folders hold."""
        return any(part.casefold() == _ADDITIONAL for part in self.parts[:-1])

    @property
    def version(self) -> int:
        """The `-2` or `(2)` at the end of its name or folder; 0 without one."""
        return max(_version(_without_ending(part)) for part in self.parts[-2:])


def stem(name: str) -> str:
    """A file's name without ending, version, region and part number, in small letters: what it is called by."""
    bare = _VERSION.sub("", _without_ending(name).strip())
    while _PART.search(bare):
        bare = _PART.sub("", bare)
    return bare.casefold()


@contextmanager
def opened(paths: Sequence[Path]) -> Iterator[list[Member]]:
    """All files of the export that lies in `paths` together, each with its dataset and marked if it repeats another.

    In the order they are to be read in: that of `datasets.toml`, the unknown last. Raises InputError for a zip
    that cannot be read.
    """
    with ExitStack() as stack:
        files = [member for path in paths for member in _files(path, stack)]
        members = [_known(member) for member in files]
        order = {dataset.name: position for position, dataset in enumerate(book().datasets)}
        members.sort(key=lambda m: (order[m.dataset.name] if m.dataset else len(order), m.path))
        yield list(_without_repeats(members))


def _files(path: Path, stack: ExitStack) -> Iterator[Member]:
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file() and not file.is_symlink():
                yield from _file(file, file.relative_to(path).parts, stack)
    else:
        yield from _file(path, (path.name,), stack)


def _file(path: Path, parts: tuple[str, ...], stack: ExitStack) -> Iterator[Member]:
    if path.suffix.casefold() == ".zip":
        yield from _zipped(path, parts, stack)
    else:
        yield Member(clean(str(path)), parts, _file_date(path), path.stat().st_size, lambda: path.open("rb"))


def _file_date(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(microsecond=0)


def _zipped(path: Path, parts: tuple[str, ...], stack: ExitStack) -> Iterator[Member]:
    opened_zip = stack.enter_context(archive.Archive(path))
    made = _file_date(path)
    for member in opened_zip.members:
        holder = (member.inside,) if member.inside else ()
        inside = (*parts, *holder, *PurePosixPath(member.name).parts)
        yield Member(
            member.path, inside, _modified(member, made), member.size, partial(opened_zip.open, member)
        )


def _modified(member: archive.Member, otherwise: datetime) -> datetime:
    """When it was made; a zip writes 1980 for "unknown"."""
    try:
        date = datetime(*member.modified, tzinfo=UTC)
    except ValueError:
        return otherwise
    return date if date.year > _DOS_EPOCH else otherwise


def _known(member: Member) -> Member:
    name = member.parts[-1]
    if not name.casefold().endswith((".csv", ".json")):
        return member
    dataset = book().named(stem(name)) or _by_header(member)
    return replace(member, dataset=dataset)


def _by_header(member: Member) -> Dataset | None:
    if len(member.parts) > 1:
        return None
    with member.open() as stream:
        return book().with_header(table(stream, member.path).header)


def _without_repeats(members: Iterable[Member]) -> Iterator[Member]:
    """Mark what a later version holds as well and, under "Additional Data", what a "Your ..." folder does.

    Older exports given together with a newer one are no repeats of it: their events are told apart by their ids.
    """
    members = list(members)
    best: dict[tuple[str, str], Member] = {}
    curated: dict[str, Member] = {}
    for member in members:
        if member.dataset is None:
            continue
        if member.curated:
            curated.setdefault(member.dataset.group, member)
        key = _same(member, member.dataset)
        if key not in best or (member.curated, member.version) > (best[key].curated, best[key].version):
            best[key] = member
    for member in members:
        yield member if member.dataset is None else _marked(member, member.dataset, curated, best)


def _marked(
    member: Member, dataset: Dataset, curated: dict[str, Member], best: dict[tuple[str, str], Member]
) -> Member:
    better = best[_same(member, dataset)]
    if dataset.group in curated and member.additional:
        better = curated[dataset.group]
    elif better.version == member.version:
        return member
    return replace(member, repeats=better.path)


def _same(member: Member, dataset: Dataset) -> tuple[str, str]:
    """Versions of the same file: same dataset, same region and part."""
    return dataset.name, _VERSION.sub("", _without_ending(member.parts[-1])).casefold()


def _version(name: str) -> int:
    match = _VERSION.search(name)
    return int(match[1] or match[2]) if match else 0


def _without_ending(name: str) -> str:
    bare, _, ending = name.rpartition(".")
    return bare if ending.casefold() in ("csv", "json", "zip") else name


def is_export(path: Path) -> bool:
    """Whether anything in `path` is a file of such an export. Reads names, and the header of a lone CSV."""
    try:
        with opened([path]) as members:
            return any(member.dataset is not None for member in members)
    except (InputError, OSError):
        return False
