"""NDJSON line by line, so that one bad line is one bad row."""

from collections.abc import Callable, Iterator
from typing import IO, Any

import polars as pl

from audit.ingest import strict_json
from audit.ingest.batch import REJECTED
from audit.privacy.clean import clean

ROWS = 200_000
"""Lines of a batch."""

LONGEST = 16 * 1024**2
"""Bytes of a line, at most."""


def chunks(
    stream: IO[bytes], keep: Callable[[str], bool]
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame, int]]:
    """Rows as text, refused rows, and bytes read so far.

    Columns are the keys that `keep` says yes to; everything else of an object is its `attributes`. Numbers keep the
    text they were written in; lists and objects are JSON.
    """
    part = _Part(keep)
    number = done = 0
    for line in _lines(stream):
        done += len(line)
        if not line.strip():
            continue
        number += 1
        part.take(number, line)
        if part.height == ROWS:
            yield (*part.frames(), done)
            part = _Part(keep)
    yield (*part.frames(), done)


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    while line := stream.readline(LONGEST):
        if len(line) == LONGEST and not line.endswith(b"\n"):
            while (more := stream.readline(LONGEST)) and not more.endswith(b"\n"):
                pass
        yield line


class _Part:
    """Rows on their way into a frame."""

    def __init__(self, keep: Callable[[str], bool]) -> None:
        self._keep = keep
        self._rows: list[dict[str, Any]] = []
        self._refused: list[tuple[int, str, str]] = []

    @property
    def height(self) -> int:
        return len(self._rows) + len(self._refused)

    def take(self, number: int, line: bytes) -> None:
        try:
            self._rows.append({"row": number, **self._columns(line)})
        except ValueError as error:
            reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
            self._refused.append((number, reason, line[:LONGEST].decode("utf-8", "replace")))

    def frames(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        names = dict.fromkeys(name for row in self._rows for name in row if name != "row")
        schema = {"row": pl.UInt64(), **dict.fromkeys(names, pl.String())}
        return pl.DataFrame(self._rows, schema=schema), pl.DataFrame(
            self._refused, schema=REJECTED, orient="row"
        )

    def _columns(self, line: bytes) -> dict[str, Any]:
        if len(line) >= LONGEST:
            raise ValueError(f"a line of more than {LONGEST >> 20} MiB")
        made = strict_json.loads(line.removeprefix(b"\xef\xbb\xbf").decode("utf-8").strip())
        if not isinstance(made, dict):
            raise ValueError("no object")  # noqa: TRY004  a bad row, whatever is wrong with it
        ours = {
            "row_" if key == "row" else clean(key): _text(value)
            for key, value in made.items()
            if self._keep(key) and key != "attributes"
        }
        rest = {key: value for key, value in made.items() if not self._keep(key)}
        given = made.get("attributes")
        if isinstance(given, dict):
            rest = {**rest, **given}
        elif given is not None:
            ours["attributes"] = _text(given)
        if rest:
            ours["attributes"] = strict_json.dumps(rest)
        return ours


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return clean(value) if isinstance(value, str) else strict_json.dumps(value)
