"""What the screen asks before a file is taken in, and taking it in."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from audit.errors import InputError, WorkspaceError
from tui.session.open_workspace import write_private

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

    from audit.ingest.format import Format
    from audit.ingest.preview import MapForm, MapLine, Preview
    from audit.ingest.report import Imported
    from tui.session.open_workspace import OpenWorkspace
    from tui.session.view_models import Progress

MAPS = "maps"
"""The folder of a workspace in which maps are kept that were made on the screen."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A file before it is taken in.

    `reads`: what reads it, a format or a map that was kept; empty where a map is suggested, which `lines` tell, unsure ones first.
    `missing`: what an event needs and nothing says. `events`: twenty of them, in canonical columns. `asks_whose`: its rows do
    not name their customer, and nobody has said who it is.
    """

    path: str
    reads: str = ""
    lines: tuple[MapLine, ...] = ()
    missing: tuple[str, ...] = ()
    sample: Imported | None = None
    is_whole: bool = True
    events: pl.DataFrame | None = None
    skipped: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    lost_opt_outs: int = 0
    asks_whose: bool = False

    @property
    def can_be_taken(self) -> bool:
        """Whether an import would bring anything."""
        sample = self.sample
        return sample is not None and sample.accepted + sample.duplicates > 0


@dataclass(frozen=True, slots=True)
class Taken:
    """A file that was taken in."""

    path: str
    answer: Imported
    skipped: Mapping[str, int]
    refused: Mapping[str, int]


class Intake:
    """Files that are not in the workspace yet."""

    def __init__(self, opened: OpenWorkspace) -> None:
        self._opened = opened
        self._lock = threading.Lock()  # a preview locks the workspace: one waits for the other

    def formats(self) -> tuple[str, ...]:
        """Whose exports are read as they are, by name."""
        from audit.ingest.formats import formats

        return tuple(sorted({form.title.partition(":")[0] for form in formats()}, key=str.casefold))

    def entries(self, folder: str) -> dict[str, str]:
        """What lies in a folder: its path → what it is; folders first."""
        place = Path(folder).expanduser()
        try:
            inside = sorted(place.iterdir(), key=lambda path: (path.is_file(), path.name.casefold()))
        except OSError as error:
            raise InputError(f"{place}: cannot be read ({error.strerror}); choose another folder") from error
        seen = [
            path for path in inside if not path.name.startswith(".") and (path.is_file() or path.is_dir())
        ]
        above = {f"{place.parent}/": "the folder above"}
        return above | {f"{path}{'/' * path.is_dir()}": _about(path) for path in seen}

    def look(self, path: str, choices: Mapping[str, str]) -> Looked:
        """What a file or folder is, and what its first rows become. `choices` of the suggested map: line → what it becomes.

        `customer` among them: whose it is, where it does not say.
        """
        from audit.ingest.formats import is_known, says_whose

        self._opened.viewer.require("import")
        place = Path(path).expanduser()
        zone = choices.get("zone", "UTC")
        if is_known(place):
            if "customer" not in choices and not says_whose(place):
                return Looked(path, asks_whose=True)
            return self._told(place, self._preview(place, None, zone, choices.get("customer")), choices)
        if not choices and (kept := self._by_kept_map(place)) is not None:
            return kept
        from audit.ingest import preview

        form = preview.form(place, choices)
        if form.missing:
            return Looked(path, lines=self._masked(form), missing=form.missing)
        looked = self._preview(place, _format(form), "UTC")
        return self._told(place, looked, choices, form)

    def save(self, path: str, choices: Mapping[str, str]) -> str:
        """Keep the map of a file in the workspace; its path."""
        from audit.ingest import preview

        self._opened.viewer.require("import")
        place = Path(path).expanduser()
        text = preview.form(place, choices).map
        kept = self._opened.folder / MAPS / f"{place.name.split('.')[0]}.toml"
        try:
            kept.parent.mkdir(mode=0o700, exist_ok=True)
            write_private(kept, text)
        except OSError as error:
            raise WorkspaceError(
                f"{kept}: cannot be written: {error.strerror}; see that there is room"
            ) from error
        return str(kept)

    def take(self, path: str, choices: Mapping[str, str], progress: Progress) -> Taken:
        """Take a file in, by a map if that is what reads it; the map is kept. A process of its own does it, within limits."""
        from audit.ingest.formats import is_known
        from audit.ingest.report import Imported

        self._opened.viewer.require("import")
        place = Path(path).expanduser()
        kept = None if is_known(place) else self._kept_map(place) if not choices else None
        by_map = None if is_known(place) else kept or Path(self.save(path, choices))
        request = {
            "workspace": str(self._opened.folder.absolute()),
            "path": str(place),
            "map": by_map and str(by_map),
            "zone": choices.get("zone", "UTC"),
            "customer": choices.get("customer"),
        }
        with self._lock:
            answer = _apart(request, progress)
        if "imported" not in answer or "error" in answer:
            raise InputError(
                answer.get("error", f"{place}: the import ended without a word; nothing came in")
            )
        return Taken(
            path,
            self._opened.workspace.view.shown(msgspec.convert(answer["imported"], Imported)),
            answer["skipped"],
            answer["refused"],
        )

    # -- maps --------------------------------------------------------------------------------------------------------

    def _by_kept_map(self, place: Path) -> Looked | None:
        kept = self._kept_map(place)
        if kept is None:
            return None
        from audit.ingest.map_formats import format_of

        looked = self._preview(place, format_of(kept), "UTC")
        return self._told(place, looked, {}, reads=f"your map {kept.name}")

    def _kept_map(self, place: Path) -> Path | None:
        """The newest map kept here that knows every column it needs of a file."""
        from audit.ingest.map_formats import format_of

        folder = self._opened.folder / MAPS
        maps = folder.glob("*.toml") if folder.is_dir() else ()
        for kept in sorted(maps, key=lambda path: path.stat().st_mtime_ns, reverse=True):
            try:
                looked = self._preview(place, format_of(kept), "UTC")
            except InputError:
                continue
            if looked.report.accepted + looked.report.duplicates > 0:
                return kept
        return None

    def _preview(self, place: Path, by_map: Format | None, zone: str, customer: str | None = None) -> Preview:
        from audit.ingest.preview import preview

        with self._lock:
            return preview(self._opened.workspace, place, by_map, time_zone=zone, customer=customer)

    def _masked(self, form: MapForm) -> tuple[MapLine, ...]:
        """The lines of a map as this role is told them."""
        return self._opened.workspace.view.shown(form.lines)

    def _told(
        self,
        place: Path,
        looked: Preview,
        choices: Mapping[str, str],
        form: MapForm | None = None,
        *,
        reads: str = "",
    ) -> Looked:
        known = f"{looked.format.title} ({looked.format.name})" if form is None else ""
        lines = _zone_line(looked, choices) if form is None and not reads else ()
        return Looked(
            str(place),
            reads or known,
            self._masked(form) if form is not None else lines,
            (),
            looked.report,
            looked.is_whole,
            self._opened.workspace.view.events(looked.events),
            looked.skipped,
            looked.refused,
            looked.lost_opt_outs,
        )


def _apart(request: Mapping[str, object], progress: Progress) -> dict[str, Any]:
    """What a process tells that imports; it ends with whoever stops the progress."""
    command = [sys.executable, "-c", "import sys; from tui.commands import limits; sys.exit(limits.main())"]
    answer: dict[str, Any] = {}
    pipe = subprocess.PIPE
    with subprocess.Popen(  # noqa: S603 - ourselves
        command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(f"{json.dumps(request)}\n")
            process.stdin.flush()
            for line in process.stdout:
                answer |= json.loads(line)
                progress(answer.get("done", 0), answer.get("total", 0))
        finally:
            process.kill()
    return answer


def _format(form: MapForm) -> Format:
    import tomllib

    from audit.ingest import map_formats, map_language

    return map_formats.as_format("this map", map_language.made(tomllib.loads(form.map)))


def _zone_line(looked: Preview, choices: Mapping[str, str]) -> tuple[MapLine, ...]:
    """Of a known format all that may be request: where times without an offset are read."""
    if not looked.report.bare_times:
        return ()
    import zoneinfo

    from audit.ingest.preview import MapLine

    zones = tuple(sorted(zoneinfo.available_timezones()))
    doubt = (
        "" if "zone" in choices else "its times carry no offset: in which zone they are read must be answer"
    )
    zone = choices.get("zone", "UTC")
    return (MapLine(id="zone", name="times are read in", values=(), becomes=zone, doubt=doubt, may=zones),)


def _about(path: Path) -> str:
    if path.is_dir():
        return "folder"
    size = path.stat().st_size
    return f"{size / 1024**2:,.1f} MB" if size >= 1024**2 else f"{max(size // 1024, 1):,} KB"
