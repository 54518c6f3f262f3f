"""CSV as text: the fast way where a block is sound, line by line where it is not, so that only bad rows are lost."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import IO

import polars as pl

from audit.errors import InputError
from audit.ingest.format import REJECTED
from audit.privacy.clean import clean

BLOCK = 256 * 1024**2
"""Bytes read at a time."""

_REJECTED = {**REJECTED, "byte": pl.UInt64()}
_LONGEST = 1024**2
_DELIMITERS = ",;\t|"


def header(head: bytes, path: str, delimiter: str | None = None) -> tuple[list[str], str]:
    """Column names and delimiter of a file that begins with `head`. Raises InputError for a name that stands twice."""
    try:
        text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
        signs = delimiter or max(_DELIMITERS, key=text.split("\n", 1)[0].count)
        names = [clean(name.strip()) for name in next(csv.reader(io.StringIO(text), delimiter=signs))]
    except (csv.Error, StopIteration) as error:
        raise InputError(
            f"{path}: has no readable header line; write the names of its columns into the first"
        ) from error
    names = [_column(name, number) for number, name in enumerate(names, start=1)]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{path}: the column {name!r} stands twice in the header; rename one")
    return names, signs


def chunks(
    stream: IO[bytes],
    path: str,
    delimiter: str | None = None,
    encoding: str = "utf-8",
    columns: Sequence[str] = (),
    *,
    size: int | None = None,
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame, int]]:
    """Rows (`row` from 1, every column as text), refused rows, and bytes read so far.

    `columns` are the names of a file that has no header, `size` the bytes of a block, unless as usual. Raises InputError if the header cannot be used, and, last of all, if the file ends inside a quote.
    """
    size = size or BLOCK
    if encoding.lower().replace("_", "-") not in ("utf-8", "utf8"):
        stream = _recoded(stream, path, encoding)
    head = b"" if columns else _header_line(stream)
    names, delimiter = (list(columns), delimiter or ",") if columns else header(head, path, delimiter)
    block, row, offset = stream.read(size), 1, len(head)
    yield frame([], [], names), pl.DataFrame(schema=_REJECTED), offset
    while block:
        more = stream.read(size)
        cut = _record_end(block) if more else len(block)
        rows, rejected, records = _parse(block[:cut], names, delimiter, row, offset)
        yield rows, rejected, offset + cut
        last = block[block.rfind(b"\n") + 1 :]
        if not more and block.count(b'"') % 2 and _ends_in_quote(last, delimiter):
            raise InputError(f"{path}: ends before a quote is closed; take the file again")
        row, offset, block = row + records, offset + cut, block[cut:] + more


def _parse(
    block: bytes, names: list[str], delimiter: str, row: int, offset: int
) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    rows = _fast(block, names, delimiter)
    if rows is None:
        return _slow(block, names, delimiter, row, offset)
    numbers = pl.int_range(row, row + rows.height, dtype=pl.UInt64, eager=True).alias("row")
    return rows.with_columns(numbers), pl.DataFrame(schema=_REJECTED), rows.height


def _fast(block: bytes, names: list[str], delimiter: str) -> pl.DataFrame | None:
    """All rows at once, or None if any row may be bad: not UTF-8, or not as many fields as the header."""
    quotes = block.count(b'"')
    if quotes % 2:
        return None
    try:
        rows = pl.read_csv(
            block, has_header=False, separator=delimiter, schema=dict.fromkeys(names, pl.String())
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    if not rows.height or not rows[names[-1]].null_count():
        return rows  # a row that lacks a field lacks the last one
    inside = (
        rows.select(pl.sum_horizontal(pl.all().str.count_matches(delimiter, literal=True).sum())).item()
        if quotes
        else 0
    )
    # Every delimiter is one between two fields or one inside a field; a short row or a blank line breaks the sum.
    return rows if block.count(delimiter.encode()) == rows.height * (len(names) - 1) + inside else None


def _slow(
    block: bytes, names: list[str], delimiter: str, row: int, offset: int
) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    good: list[list[str]] = []
    numbers: list[int] = []
    bad: list[tuple[int, str | None, str, int]] = []
    number = row
    for fields, raw, start in _records(block, delimiter, len(names)):
        if fields is not None and not fields:
            continue  # a blank line is no row
        reason = _reason(fields, raw, len(names))
        if reason is None and fields is not None:
            good.append(fields)
            numbers.append(number)
        else:
            bad.append((number, reason, raw.decode("utf-8", "replace"), offset + start))
        number += 1
    return frame(good, numbers, names), pl.DataFrame(bad, schema=_REJECTED, orient="row"), number - row


def frame(good: list[list[str]], numbers: list[int], names: list[str]) -> pl.DataFrame:
    """Rows of text as a frame of the columns `names`, with their `row`; an empty field is absent."""
    rows = pl.DataFrame(good, schema=dict.fromkeys(names, pl.String()), orient="row")
    return rows.with_columns(
        pl.when(pl.all() != "").then(pl.all()), pl.Series("row", numbers, dtype=pl.UInt64)
    )


def _column(name: str, number: int) -> str:
    return "row_" if name == "row" else name or f"column {number}"


def other_name(name: str, taken: Sequence[str]) -> str:
    """A name with `_` behind it, and more of them where that is taken."""
    while name in taken:
        name = f"{name}_"
    return name


def _reason(fields: list[str] | None, raw: bytes, width: int) -> str | None:
    if fields is None:
        return "a quote that is not closed on its line, or too long a field"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"not UTF-8 (byte {error.start + 1} of the row)"
    if len(fields) != width:
        return f"{len(fields)} fields where the header has {width}"
    return None


def _records(block: bytes, delimiter: str, width: int) -> Iterator[tuple[list[str] | None, bytes, int]]:
    """Fields, bytes and place of each record.

    A record of several lines that has not the `width` number of fields, or that never ends, may have run away with its
    quote: only its first line is taken, with None for its fields, and reading goes on after that.
    """
    lines = io.BytesIO(block).readlines()
    at, offset = 0, 0
    while at < len(lines):
        feed = _Feed(lines, at)
        reader = csv.reader(feed, delimiter=delimiter)
        try:
            for fields in reader:
                several = feed.at - at > 1
                raw = b"".join(lines[at : feed.at])
                is_last = feed.at == len(lines)
                if (several and len(fields) != width) or (is_last and _ends_in_quote(raw, delimiter)):
                    break
                yield fields, raw, offset
                at, offset = feed.at, offset + len(raw)
            else:
                return
        except csv.Error:
            pass
        yield None, lines[at], offset
        at, offset = at + 1, offset + len(lines[at])


class _Feed:
    """Lines for the csv module, which takes as many as a record needs."""

    def __init__(self, lines: list[bytes], at: int) -> None:
        self.lines, self.at = lines, at

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        if self.at == len(self.lines):
            raise StopIteration
        line = self.lines[self.at]
        self.at += 1
        return line.decode("utf-8", "replace")


def _ends_in_quote(record: bytes, delimiter: str) -> bool:
    """Whether a record never closes its quote."""
    try:
        list(csv.reader(io.StringIO(record.decode("utf-8", "replace")), delimiter=delimiter, strict=True))
    except csv.Error as error:
        return "unexpected end" in str(error)
    return False


def _record_end(block: bytes) -> int:
    """Where the last whole record of a block ends: after a newline with an even number of quotes before it."""
    quotes, end = block.count(b'"'), len(block)
    cut = block.rfind(b"\n")
    while cut >= 0:
        quotes -= block.count(b'"', cut, end)
        if quotes % 2 == 0:
            return cut + 1
        end, cut = cut, block.rfind(b"\n", 0, cut)
    return len(block)


def _header_line(stream: IO[bytes]) -> bytes:
    head = stream.readline(_LONGEST)
    while head.count(b'"') % 2 and len(head) < _LONGEST and (more := stream.readline(_LONGEST)):
        head += more
    return head


def _recoded(stream: IO[bytes], path: str, encoding: str) -> IO[bytes]:
    try:
        return io.BytesIO(stream.read().decode(encoding).encode())
    except (LookupError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path}: is not in the encoding {encoding!r} of its map ({error}); write another there"
        ) from error
