"""An import in a process of its own that may take so much memory, time and disk: a hostile file ends in one line.

The process is forked before anything large is loaded, so it costs nothing. Whichever file it reads when it is over a limit is left out and
the rest is imported anew: an import that was killed has left nothing. Where a platform cannot do that, the import runs as it is.
"""

import errno
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from audit.errors import InputError, WhysentError
from audit.events.times import duration
from tui import Exit
from tui.commands import output
from tui.rendering.wording import several

MB = 1_000_000
ENVIRONMENT = "WHYSENT_IMPORT_LIMITS"
"""The variable that says what an import may take."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What reading one file may take: bytes of memory, seconds of processor time, bytes of each file written. None: what is generous
    for a file of its size.
    """

    memory: int | None = None
    time: int | None = None
    file: int | None = None

    def of(self, size: int, workspace: int) -> dict[str, int]:
        """Those for a file of `size` bytes that goes into a workspace of so many."""
        return {
            "memory": self.memory or 6_000 * MB + 8 * size,
            "time": self.time or 120 + 5 * size // MB,
            "file": self.file or 2_000 * MB + 50 * size + workspace,
        }


_NONE = "none"
_UNITS = {"MB": MB, "GB": 1_000 * MB, "TB": 1_000_000 * MB}


def read(text: str | None) -> Limits | None:
    """`memory=8GB,time=10m,file=20GB`, each of them or some; `none`: no limits. Raises InputError."""
    if text == _NONE:
        return None
    limits = Limits()
    for part in (text or "").split(","):
        name, _, value = part.strip().partition("=")
        if name == "time":
            seconds = int(value[:-1]) if value[:-1].isdigit() and value.endswith("s") else 0
            limits = replace(limits, time=seconds or int(duration(value).total_seconds()))
        elif name in {"memory", "file"} and value[:-2].isdigit() and value[-2:] in _UNITS:
            limits = replace(limits, **{name: int(value[:-2]) * _UNITS[value[-2:]]})
        elif part:
            raise InputError(f"--limits {part}: write memory=8GB, time=10m or file=20GB, or none")
    return limits


@dataclass
class Guarded:
    """What the process that imports is told: the files to leave alone, and how to read the others."""

    without: frozenset[Path] = frozenset()
    limits: Limits | None = None
    workspace: int = 0
    _status: int = -1

    @contextmanager
    def reading(self, paths: Sequence[Path]) -> Iterator[None]:
        """Within it, what reading these files may take is limited."""
        if self._status < 0 or self.limits is None:
            yield
            return
        import resource

        os.write(self._status, f"reading {json.dumps([*map(str, paths)])}\n".encode())
        allowed = self.limits.of(sum(map(_size, paths)), self.workspace)
        kinds = {"memory": resource.RLIMIT_AS, "time": resource.RLIMIT_CPU, "file": resource.RLIMIT_FSIZE}
        used = {"memory": _memory(), "time": sum(resource.getrusage(resource.RUSAGE_SELF)[:2]), "file": 0}
        before = {kind: resource.getrlimit(kind) for kind in kinds.values()}
        for name, kind in kinds.items():
            soft, hard = int(used[name]) + 1 + allowed[name], before[kind][1]
            with suppress(ValueError, OSError):  # not every platform has each of them
                resource.setrlimit(kind, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
        try:
            yield
        except (Exception, MemoryError) as error:
            over = _what(error)
            if over is None:
                raise
            os.write(self._status, f"over {over}\n".encode())
            os._exit(Exit.USAGE)  # as if killed: nothing of this process is to be kept
        finally:
            for kind, limit in before.items():
                with suppress(ValueError, OSError):
                    resource.setrlimit(kind, limit)


def guarded(
    limits: Limits | None, workspace: Path, complain: Callable[[str], object] = output.complain
) -> Guarded:
    """Go on in a process that may take so much; the one that was called waits, tells what was left out, and ends as that one did."""
    possible = hasattr(os, "fork") and "polars" not in sys.modules and threading.active_count() == 1
    if limits is None or not possible:
        return Guarded()
    without: list[Path] = []
    while True:
        sys.stdout.flush()
        status, alive = os.pipe(), os.pipe()
        pid = os.fork()
        if not pid:
            os.close(status[0])
            os.close(alive[1])
            _child(alive[0])
            return Guarded(frozenset(without), limits, _size(workspace), status[1])
        os.close(status[1])
        os.close(alive[0])
        said = _said(status[0])
        ended = _wait(pid)
        os.close(alive[1])
        over = said.get("over") or _SIGNALS.get(-ended, "" if ended >= 0 else "limits")
        if not over:
            raise SystemExit(Exit.USAGE if without else ended)
        paths = [Path(path) for path in json.loads(said.get("reading", "[]"))]
        size = sum(map(_size, paths))
        complain(_refusal(paths, over, limits.of(size, _size(workspace))))
        if len(paths) != 1 or paths[0] in without:
            raise SystemExit(Exit.USAGE)
        without += paths


_SIGNALS = {signal.SIGABRT: "memory", signal.SIGKILL: "limits", signal.SIGSEGV: "limits"} | {
    getattr(signal, name): over
    for name, over in (("SIGXCPU", "time"), ("SIGXFSZ", "file"), ("SIGBUS", "limits"))
    if hasattr(signal, name)
}
"""What ends a process, and what it was short of; of `limits` it is not known."""


def _refusal(paths: list[Path], over: str, allowed: Mapping[str, int]) -> str:
    names = ", ".join(map(str, paths)) or "this import"
    if over not in allowed:
        return f"{names}: stopped while it was read, as by a system short of memory; nothing of it came in"
    megabytes = f"{allowed[over] / MB:,.0f} MB"
    what = {
        "memory": f"{megabytes} of memory",
        "time": f"{several(allowed['time'], 'second')} of processor time",
        "file": f"{megabytes} on disk in one file",
    }
    return (
        f"{names}: takes more than {what[over]} to read, and nothing of it came in; where it is what it should be, "
        f"allow it more with --limits {over}=…, or --limits none"
    )


def _child(alive: int) -> None:
    """End with the process that waits; write no core; what libraries say of a lack of memory goes nowhere."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    plain = sys.stderr
    if plain.fileno() == 2:
        sys.stderr = os.fdopen(os.dup(2), "w", 1, encoding=plain.encoding, errors=plain.errors)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    threading.Thread(target=_until_alone, args=(alive,), daemon=True).start()


def _until_alone(alive: int) -> NoReturn:
    os.read(alive, 1)  # nothing is ever written: it ends where nobody is left who could
    os._exit(Exit.INTERRUPTED)


def _said(status: int) -> dict[str, str]:
    """The newest of each word that the process told."""
    with os.fdopen(status, encoding="utf-8", errors="replace") as lines:
        try:
            return dict(line.rstrip("\n").split(" ", 1) for line in lines)
        except KeyboardInterrupt:  # which it has heard too
            return {}


def _wait(pid: int) -> int:
    """The exit code of a process, or minus the signal that ended it."""
    while True:
        try:
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        except KeyboardInterrupt:
            os.kill(pid, signal.SIGINT)


def _what(error: BaseException) -> str | None:
    """What a process was short of that failed with `error`."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, MemoryError):
            return "memory"
        if getattr(cause, "errno", None) == errno.EFBIG or "File too large" in str(cause):
            return "file"
        if getattr(cause, "sqlite_errorname", None) == "SQLITE_IOERR_WRITE":  # all that SQLite tells of it
            return "file"
        cause = cause.__cause__ or cause.__context__
    return None


_A_THREAD = 256 * MB
"""House value: address space that a thread which polars may yet begin sets apart; most of it is never used."""


def _memory() -> int:
    """Bytes of address space that this process has, or may have before it reads anything."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except (OSError, ValueError):
        return 0
    threads = int(os.environ.get("POLARS_MAX_THREADS") or os.cpu_count() or 1)
    return pages * os.sysconf("SC_PAGE_SIZE") + threads * _A_THREAD


def _size(path: Path) -> int:
    """Bytes of a file, or of all files in a folder."""
    try:
        files = path.rglob("*") if path.is_dir() else [path]
        return sum(file.stat().st_size for file in files if file.is_file())
    except OSError:
        return 0


def _tell(**fields: object) -> None:
    output.line(json.dumps(fields))
    sys.stdout.flush()


def main() -> int:
    """Import for a screen: what stdin asks for, in a line of JSON; on stdout a line of JSON a step, and what came of it or an `error`."""
    request = json.loads(sys.stdin.readline())
    folder = Path(request["workspace"])
    guard = guarded(read(os.environ.get(ENVIRONMENT)), folder, lambda text: _tell(error=text))
    from audit.ingest import import_paths
    from audit.workspace.workspace import Workspace

    try:
        report = import_paths(
            Workspace.open(folder),
            [Path(request["path"])],
            map_file=Path(request["map"]) if request["map"] else None,
            customer=request["customer"],
            time_zone=request["zone"],
            progress=lambda done, total, _: _tell(done=done, total=total),
            reading=guard.reading,
            without=guard.without,
        )
    except (WhysentError, OSError) as error:
        _tell(error=str(error))
        return Exit.USAGE
    _tell(
        imported=report.document().to_json(),
        skipped=dict(report.skipped_by_reason),
        refused=dict(report.refused_by_reason),
    )
    return Exit.OK
