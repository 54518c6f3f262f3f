"""What the checks find in everybody: whole customers a part at a time, kept beside the events, and read from there afterwards.

Memory is bounded by a part and by what is found. Each part is kept when it is done: who was stopped goes on where they were.
"""

import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import polars as pl

import audit
from audit import findings
from audit.errors import WorkspaceError
from audit.findings.check_context import CheckContext
from audit.findings.registry import find_in, people
from audit.findings.unanswered import COUNTS, Observed, observe, together, unanswered_by
from audit.population.coverage import Coverage
from audit.privacy.role_view import RoleView
from audit.storage import private_files
from audit.workspace.context import Context

if TYPE_CHECKING:
    from audit.workspace.workspace import Workspace

ROWS = 250_000
"""Events in a part; a customer with more is taken whole."""

Progress = Callable[[int, int, str], object]
"""Is told how many of how many are done, and of what; may raise to stop."""


_NAME = "findings"
"""What the folders beside the events are called in which this is kept."""


@dataclass(frozen=True)
class Everybody:
    """All customers of a workspace, `customers` in number, and what was found in them.

    `found`: the findings, as `findings.find` gives them; `people`: a row a customer, as `registry.people` gives it;
    `observed`: what their events have of what the checks need.
    """

    customers: int
    context: Context
    found: pl.DataFrame
    people: pl.DataFrame
    observed: Observed
    view: RoleView = field(default_factory=RoleView)

    @cached_property
    def unanswered(self) -> tuple[findings.Unanswered, ...]:
        """The checks that this data cannot answer, or not in full."""
        lost = self.context.coverage.left_out.lost_opt_outs
        return unanswered_by(self.observed, self.context, lost_opt_outs=lost)

    @property
    def coverage(self) -> Coverage:
        """What the data covers since the first of the events."""
        return self.context.coverage.since(self.observed.begins)


def read_everybody(
    ws: "Workspace", *, at: datetime | None = None, progress: Progress | None = None
) -> Everybody:
    """What the checks find in all customers up to `at` (default: the workspace's moment, for which it is kept)."""
    context = ws.context(at)
    folder = _folder(ws, context) if context.at == ws.at else None
    parts, done = [], 0
    ranges = ws.parts(ROWS, at=context.at)
    total = sum(customers.rows for customers in ranges)
    for number, customers in enumerate(ranges):
        part = None if folder is None else _read(folder, number)
        if part is None:
            part = _found_in(ws.part(customers, at=context.at), context)
            if folder is not None:
                _keep(folder, number, part)
        parts.append(part)
        done += customers.rows
        if progress is not None:
            progress(done, total, "events")
    parts = parts or [_found_in(ws.events(context.at), context)]
    return Everybody(
        ws.info.customers,
        context,
        pl.concat([part.found for part in parts]),
        pl.concat([part.people for part in parts]),
        together([part.observed for part in parts]),
        ws.view,
    )


def whole_customers(ws: "Workspace", at: datetime) -> Iterator[pl.DataFrame]:
    """The events up to `at` in parts of about `ROWS`, no customer in two."""
    for customers in ws.parts(ROWS, at=at):
        yield ws.part(customers, at=at)


class _Part(NamedTuple):
    """What was found in some whole customers."""

    found: pl.DataFrame
    people: pl.DataFrame
    observed: Observed


class _Times(msgspec.Struct):
    """The times of an `Observed`; its file appears last, when the rest of the part is there."""

    begins: datetime | None
    last_message: datetime | None


def _found_in(events: pl.DataFrame, context: Context) -> _Part:
    checked = CheckContext(events, context)
    return _Part(find_in(checked), people(events), observe(checked))


def _folder(ws: "Workspace", context: Context) -> Path:
    """The folder of what rests on these events, these rules and this program; what rested on others goes."""
    from audit.rules import files

    rests_on = blake2b(_program(), digest_size=8)
    rests_on.update(f"{ROWS} {ws.version} {sorted(findings.CHECKS)}".encode())
    rests_on.update(files.dump(context.declared).encode())
    rests_on.update(repr(sorted(context.namesakes.items())).encode())
    return ws.generation.beside / f"{_NAME}-{rests_on.hexdigest()}"


@cache
def _program() -> bytes:
    """A digest of all that decides: what another version of this program found is found anew."""
    digest = blake2b(digest_size=16)
    folder = Path(audit.__file__).parent
    for file in sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".toml")):
        digest.update(file.read_bytes())
    return digest.digest()


def _files(folder: Path, number: int) -> tuple[Path, Path, Path, Path]:
    return (
        folder / f"{number:06d}-found.parquet",
        folder / f"{number:06d}-people.parquet",
        folder / f"{number:06d}-counts.parquet",
        folder / f"{number:06d}.json",
    )


def _read(folder: Path, number: int) -> _Part | None:
    """A part that was kept; None where it was not, or cannot be read."""
    *frames, mark = _files(folder, number)
    try:
        times = msgspec.json.decode(mark.read_bytes(), type=_Times)
        found, customers, counts = map(pl.read_parquet, frames)
    except (OSError, pl.exceptions.ComputeError, msgspec.DecodeError):
        return None
    return _Part(found, customers, Observed(counts.select(*COUNTS), times.begins, times.last_message))


def _keep(folder: Path, number: int, part: _Part) -> None:
    """Keep a part; where that cannot be written, for want of room or permission, it is found anew the next time."""
    *files, mark = _files(folder, number)
    times = _Times(part.observed.begins, part.observed.last_message)
    try:
        if not folder.exists():
            for older in folder.parent.glob(f"{_NAME}-*"):
                shutil.rmtree(older, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file, frame in zip(files, (part.found, part.people, part.observed.counts), strict=True):
            fresh = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
            private_files.write_parquet(fresh, frame).replace(file)
        private_files.write(mark, msgspec.json.encode(times))
    except (OSError, WorkspaceError):
        mark.unlink(missing_ok=True)
