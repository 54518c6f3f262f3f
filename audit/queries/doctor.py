"""Is everything here that the program needs? Each check answers with one line a person can act on."""

import os
import platform
import shutil
import sqlite3
import stat
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from audit.errors import WhysentError
from audit.events.document import Document

if TYPE_CHECKING:
    from audit.workspace.workspace import Workspace

_LIBRARIES = ("textual", "rich", "polars", "typer", "sqlite-utils", "cryptography")
_EXTRAS = {"fast": ("numba",), "learned": ("scikit-learn",)}
_FIXED_IN = (3, 51, 3)
_NEEDED_BYTES = 1 << 30
"""House value: an import of a few million events fits into this many bytes."""


class HealthCheck(Document):
    """Whether one thing that the program needs is as it should be; `detail` says how it is, and what to do."""

    name: str
    ok: bool
    detail: str


class Health(Document, schema="whysent.doctor/1"):
    """The state of the program, this machine and the workspace."""

    checks: tuple[HealthCheck, ...]


def examine(folder: Path) -> Health:
    """Examine the program, this machine, and the workspace in `folder` (which may not exist yet)."""
    machine = (_python(), _libraries(), _extras(), _formats(), _sqlite(), _encoding(), _disk(folder))
    return Health(checks=(*machine, *_workspace(folder)))


def _python() -> HealthCheck:
    return _check(
        "python", sys.version_info >= (3, 11), f"{platform.python_version()} on {platform.system()}"
    )


def _libraries() -> HealthCheck:
    return _check("libraries", True, ", ".join(f"{name} {version(name)}" for name in _LIBRARIES))


def _extras() -> HealthCheck:
    return _check("extras", True, "; ".join(f"{name}: {_extra(name)}" for name in _EXTRAS))


def _formats() -> HealthCheck:
    from audit.ingest import formats

    brought, unusable = formats.external()
    problems = [f"{one.name} of {one.package} is left out: {one.problem}" for one in unusable]
    names = ", ".join(f"{one.name} of {one.package}" for one in brought)
    return _check(
        "formats",
        not problems,
        "; ".join(problems) or f"{len(formats.formats())}{names and f', with {names}'}",
    )


def _extra(name: str) -> str:
    try:
        return ", ".join(f"{library} {version(library)}" for library in _EXTRAS[name])
    except PackageNotFoundError:
        return f"not installed, pip install 'whysent[{name}]'"


def _sqlite() -> HealthCheck:
    fixed = sqlite3.sqlite_version_info >= _FIXED_IN
    journal = "" if fixed else "; its write-ahead log can corrupt, so the DELETE journal is used"
    return _check("sqlite", True, f"{sqlite3.sqlite_version}{journal}")


def _encoding() -> HealthCheck:
    name = (sys.stdout.encoding or "unknown").lower()
    fine = "utf" in name
    return _check(
        "terminal encoding", fine, name if fine else f"{name}; set PYTHONUTF8=1, signs cannot be printed"
    )


def _disk(folder: Path) -> HealthCheck:
    existing = next((path for path in (folder, *folder.parents) if path.exists()), Path.cwd())
    free = shutil.disk_usage(existing).free
    return _check("disk", free >= _NEEDED_BYTES, f"{free / (1 << 30):.1f} GiB free in {existing}")


def _workspace(folder: Path) -> list[HealthCheck]:
    from audit.storage import event_store
    from audit.workspace.workspace import Workspace

    if not folder.exists():
        return [
            _check("workspace", True, f"none yet in {folder}; `whysent demo` or `whysent import` makes one")
        ]
    try:
        ws = Workspace.open(folder)
        event_store.check(folder / "events", ws.manifest.segments)
        damage = event_store.damage(folder / "events" / segment.file for segment in ws.manifest.segments)
        if damage is not None:
            return [_check("workspace", False, damage)]
        ws.scan()
        rules = len(ws.book.rules())
        key = ws.vault.fingerprint
    except WhysentError as error:
        return [_check("workspace", False, str(error))]
    healthy = [
        _check("workspace", True, f"{folder}: {ws.info.customers:,} customers, {ws.info.events:,} events"),
        _check("rule book", True, f"{rules} rules"),
        _check("key", True, f"fingerprint {key}"),
    ]
    return [*healthy, _private(folder), *_lost_opt_outs(ws), *_same_addresses(ws)]


def _same_addresses(ws: "Workspace") -> list[HealthCheck]:
    """Ids that may be one person: whether they are, somebody has to say."""
    from audit.queries import links

    groups = links.same_addresses(ws)
    more = f"; and {len(groups) - 1:,} more" if groups[1:] else ""
    return [_check("ids", True, f"{links.joins_them(group)}{more}") for group in groups[:1]]


def _lost_opt_outs(ws: "Workspace") -> list[HealthCheck]:
    """Rows in quarantine, or dated later than their import, that answers would need most."""
    from audit.queries.reports import language, repairs

    known = ws.coverage.left_out
    see = f"; see {ws.path / 'quarantine'}" if known.lost_opt_outs else ""
    texts = repairs(language("en"), known.lost_opt_outs, known.future_opt_outs)
    return [
        _check("opt-outs", False, f"{text}{see if not place else ''}") for place, text in enumerate(texts)
    ]


def _private(folder: Path) -> HealthCheck:
    if os.name == "nt":
        return _check("permissions", True, "Windows: the folder's own access list holds")
    open_to_others = [
        path for path in (folder, *folder.rglob("*")) if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    detail = (
        f"others can read {open_to_others[0]}; chmod go-rwx it" if open_to_others else "only you can read it"
    )
    return _check("permissions", not open_to_others, detail)


def _check(name: str, ok: bool, detail: str) -> HealthCheck:
    return HealthCheck(name=name, ok=ok, detail=detail)
