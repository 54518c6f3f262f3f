"""Is everything here that the program needs? Each check answers with one line a person can act on."""

import os
import platform
import shutil
import sqlite3
import stat
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypedDict

from audit.errors import WhysentError

_LIBRARIES = ("textual", "rich", "polars", "typer", "sqlite-utils", "cryptography")
_EXTRAS = {"fast": ("numba",), "learned": ("scikit-learn",)}
_FIXED_IN = (3, 51, 3)
_ROOM = 1 << 30
"""House value: an import of a few million events fits into this many bytes."""


class Check(TypedDict):
    """One line of `whysent doctor --json`."""

    name: str
    ok: bool
    detail: str


def checks(folder: Path) -> list[Check]:
    """Examine the program, this machine, and the workspace in `folder` (which may not exist yet)."""
    return [_python(), _libraries(), _extras(), _sqlite(), _encoding(), _room(folder), *_workspace(folder)]


def _python() -> Check:
    return _check(
        "python", sys.version_info >= (3, 11), f"{platform.python_version()} on {platform.system()}"
    )


def _libraries() -> Check:
    return _check("libraries", True, ", ".join(f"{name} {version(name)}" for name in _LIBRARIES))


def _extras() -> Check:
    return _check("extras", True, "; ".join(f"{name}: {_extra(name)}" for name in _EXTRAS))


def _extra(name: str) -> str:
    try:
        return ", ".join(f"{library} {version(library)}" for library in _EXTRAS[name])
    except PackageNotFoundError:
        return f"not installed, pip install 'whysent[{name}]'"


def _sqlite() -> Check:
    fixed = sqlite3.sqlite_version_info >= _FIXED_IN
    journal = "" if fixed else "; its write-ahead log can corrupt, so the DELETE journal is used"
    return _check("sqlite", True, f"{sqlite3.sqlite_version}{journal}")


def _encoding() -> Check:
    name = (sys.stdout.encoding or "unknown").lower()
    fine = "utf" in name
    return _check(
        "terminal encoding", fine, name if fine else f"{name}; set PYTHONUTF8=1, signs cannot be printed"
    )


def _room(folder: Path) -> Check:
    there = next((one for one in (folder, *folder.parents) if one.exists()), Path.cwd())
    free = shutil.disk_usage(there).free
    return _check("disk", free >= _ROOM, f"{free / (1 << 30):.1f} GiB free in {there}")


def _workspace(folder: Path) -> list[Check]:
    from audit.workspace.workspace import Workspace

    if not folder.exists():
        return [
            _check("workspace", True, f"none yet in {folder}; `whysent demo` or `whysent import` makes one")
        ]
    try:
        ws = Workspace.open(folder)
        ws.scan()
        rules = len(ws.book.rules())
        key = ws.vault.fingerprint
    except WhysentError as error:
        return [_check("workspace", False, str(error))]
    found = [
        _check("workspace", True, f"{folder}: {ws.info.customers:,} customers, {ws.info.events:,} events"),
        _check("rule book", True, f"{rules} rules"),
        _check("key", True, f"fingerprint {key}"),
    ]
    return [*found, _private(folder)]


def _private(folder: Path) -> Check:
    if os.name == "nt":
        return _check("permissions", True, "Windows: the folder's own access list holds")
    open_to_others = [
        path for path in (folder, *folder.rglob("*")) if stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    detail = (
        f"others can read {open_to_others[0]}; chmod go-rwx it" if open_to_others else "only you can read it"
    )
    return _check("permissions", not open_to_others, detail)


def _check(name: str, ok: bool, detail: str) -> Check:
    return {"name": name, "ok": ok, "detail": detail}
