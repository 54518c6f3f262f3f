"""Private files: a folder for its owner alone, replaced atomically, with one writer at a time."""

import contextlib
import errno
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit.errors import WorkspaceError

if TYPE_CHECKING:
    import polars as pl

_CAUSES = {
    errno.ENOSPC: "no room left on the disk; make room and try again, nothing was changed",
    errno.EDQUOT: "the disk quota is used up; make room and try again, nothing was changed",
    errno.EACCES: "no permission; check who owns the folder and its modes",
    errno.EPERM: "no permission; check who owns the folder and its modes",
    errno.EROFS: "the disk is read-only; name another folder with --workspace",
    errno.EEXIST: "a file stands where a folder should be; name another folder with --workspace",
    errno.ENOTDIR: "a file stands where a folder should be; name another folder with --workspace",
}


@contextmanager
def clear_errors(path: Path) -> Iterator[None]:
    """Turn what the file system or polars says about writing `path` into one line. Raises WorkspaceError."""
    from polars.exceptions import ComputeError, PanicException

    try:
        yield
    except OSError as error:
        raise WorkspaceError(f"{path}: {_cause(error)}") from error
    except (ComputeError, PanicException) as error:
        raise WorkspaceError(f"{path}: {_first_line(error)}") from error


def make(path: Path) -> Path:
    """Make `path` a folder that only its owner can enter (0700)."""
    with clear_errors(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def write(path: Path, content: bytes) -> None:
    """Put `content` at `path` (0600), whole or not at all: what was there stays until the new file is on the disk."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with clear_errors(path):
        try:
            with os.fdopen(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError:
            fresh.unlink(missing_ok=True)
            raise
        sync(path.parent)


def reserve(path: Path) -> Path:
    """Make an empty private file that a library then writes to."""
    with clear_errors(path):
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600))
    return path


def write_parquet(path: Path, frame: "pl.DataFrame", **options: Any) -> Path:
    """Write a frame as a new private file, and wait until it is on the disk; `options` as polars takes them."""
    reserve(path)
    with clear_errors(path):
        frame.write_parquet(path, **options)
    sync(path)
    return path


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk; folders cannot be waited for on Windows."""
    if sys.platform == "win32" and path.is_dir():
        return
    with clear_errors(path):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Be the one writer: hold the lock file `path`. Raises WorkspaceError at once if another program holds it.

    The system lets go of the lock when its holder ends, however it ends.
    """
    with clear_errors(path):
        handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        if not _lock(handle):
            raise WorkspaceError(
                f"{path.parent}: another program{_holder(handle)} is writing to this workspace; "
                "wait until it is done, or name another folder with --workspace"
            )
        with clear_errors(path):
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0) if sys.platform != "win32" else None
        yield
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(handle: int) -> str:
    with contextlib.suppress(OSError, ValueError):
        return f" (process {int(os.read(handle, 20))})"
    return ""


def _cause(error: OSError) -> str:
    return _CAUSES.get(error.errno or 0) or error.strerror or _first_line(error)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
