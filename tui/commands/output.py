"""What the commands print: answers on stdout, narration on stderr, everything made harmless first."""

import json
import os
import secrets
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from audit.errors import InputError
from audit.privacy.clean import clean

if TYPE_CHECKING:
    import polars as pl
    from rich.console import RenderableType

    from audit.events.document import Document
    from audit.workspace.workspace import Workspace

SIGNS = {"high": "▲ high", "medium": "■ med", "low": "● low", "info": "· info"}
"""A severity as a sign and a word, so that it needs no colour."""


Answer = TypeVar("Answer")

_source: "Workspace | None" = None
"""The workspace that is answered from; who looks may not be told all of it."""


def answer_from(workspace: "Workspace | None") -> None:
    """From now on print what the viewer of `workspace` is told; of None, everything."""
    global _source  # noqa: PLW0603 - a process answers one command at a time
    _source = workspace


def told(answer: Answer) -> Answer:
    """An answer as whoever looks is told it."""
    return answer if _source is None else _source.view.shown(answer)


_as_lines = False
"""Whether answers are lines of plain text: no tables, no drawings, nothing painted twice."""


def as_lines(wanted: bool) -> None:
    """From now on print lines of plain text, or tables and drawings again."""
    global _as_lines  # noqa: PLW0603 - as above
    _as_lines = wanted


def in_lines() -> bool:
    """Whether nothing may be drawn."""
    return _as_lines


def document(answer: "Document", *, as_it_is: bool = False) -> None:
    """Print one JSON document on stdout, in ASCII where that cannot print more.

    `as_it_is`: what may be told was decided where it was made, and what else stands there whoever looks wrote themselves.
    """
    unicode = "utf" in (sys.stdout.encoding or "").lower()
    plain = answer.to_json() if as_it_is else told(answer.to_json())
    json.dump(plain, sys.stdout, ensure_ascii=not unicode, indent=2)
    sys.stdout.write("\n")


def harmless(text: str) -> str:
    """`text` as it may be printed on a terminal, for whoever looks."""
    return _read_out(told(text))


def _read_out(text: str) -> str:
    """`text` without signs of control; as one reads it out, where nothing may be drawn."""
    text = clean(text)
    if not _as_lines:
        return text
    from tui.rendering.text import spoken

    return spoken(text)


def line(text: str = "", *, as_it_is: bool = False) -> None:
    """Print one line of an answer; `as_it_is` as in `document`."""
    print(_read_out(text) if as_it_is else harmless(text))


def narrate(text: str) -> None:
    """Say on stderr what goes on."""
    print(harmless(text), file=sys.stderr)


def complain(text: str) -> None:
    """Say on stderr, in one line, what went wrong and what to do."""
    print(f"whysent: {harmless(' '.join(text.split()))}", file=sys.stderr)


def parquet(frame: "pl.DataFrame", out: Path) -> None:
    """Write `frame` into the file a user named. Raises InputError where it cannot be written, and leaves no part."""
    from polars.exceptions import ComputeError

    was_there = out.exists()
    try:
        told(frame).write_parquet(out)
    except (OSError, ComputeError) as error:
        if not was_there:
            out.unlink(missing_ok=True)
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"{out}: cannot be written: {reason}; name another file") from error


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[int] = ()) -> None:
    """Print rows under a head; columns named in `right` are numbers. As lines: a row a line, with what each value is."""
    if _as_lines:
        for row_number, row in enumerate(rows, start=1):
            told_row = (
                f"{name}: {spoken_value}" if name else spoken_value
                for name, value in zip(head, row, strict=True)
                if value is not None and (spoken_value := harmless(str(value))).strip(" –")
            )  # fmt: skip
            print(f"{row_number}. {'; '.join(told_row)}")
        return
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    rich_table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for number, name in enumerate(head):
        rich_table.add_column(Text(name), justify="right" if number in right else "left", overflow="fold")
    for row in rows:
        rich_table.add_row(*(Text(harmless("" if value is None else str(value))) for value in row))
    show(rich_table)


def show(renderable: "RenderableType") -> None:
    """Print a rich renderable on stdout: as wide as the terminal, or 120 columns where there is none."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else 120, highlight=False, markup=False, emoji=False).print(
        renderable
    )


def page(text: str, out: Path | None, *, as_it_is: bool = False) -> None:
    """Print `text` on stdout, or write it to `out`, for its owner alone, and say where.

    `as_it_is`: it is for a machine, and holds nothing that may not be told.
    """
    text = text if as_it_is else told(text)
    if out is None:
        sys.stdout.write(text)
    else:
        private_file(out, text)
        narrate(f"written to {out.resolve()}")


def private_file(out: Path, text: str) -> None:
    """Write `text` to `out`, for its owner alone (0600). Raises InputError where that is not possible."""
    try:
        handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            out.chmod(0o600)
            file.write(text)
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror or error}; name another file") from error


def text_file(out: Path, text: str) -> None:
    """Write `text` to `out`, whole or not at all. Raises InputError where that is not possible."""
    aside = out.is_file() or not out.exists()  # a pipe or a device is written as it is
    fresh = out.with_name(f".{out.name}.{secrets.token_hex(4)}") if aside else out
    try:
        fresh.write_text(text, encoding="utf-8")
        if aside:
            fresh.replace(out)
    except OSError as error:
        if aside:
            fresh.unlink(missing_ok=True)
        raise InputError(f"{out}: cannot be written: {error.strerror or error}; name another file") from error


PIPED_EVERY = 5.0
"""House value: seconds between two lines on progress in a pipe, which keeps all of them."""


class Progress:
    """Says on stderr how far long work is, from its second second on: twice a second on a terminal, else every few seconds."""

    def __init__(self, verb: str) -> None:
        self._verb = verb
        self._next = time.monotonic() + 1.0

    def __call__(self, done: int, total: int, subject: str = "messages") -> None:
        """Take notice of `done` of `total`; `subject` is worked on, such as a file."""
        now = time.monotonic()
        if now < self._next:
            return
        on_terminal = sys.stderr.isatty() and not _as_lines
        self._next = now + (0.5 if on_terminal else PIPED_EVERY)
        share = f"{100 * done // total:3d} %" if total else f"{done:,}"
        end = "\r" if on_terminal else "\n"
        print(f"{self._verb} {harmless(subject)}: {share}", end=end, file=sys.stderr, flush=True)
