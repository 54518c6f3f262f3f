"""CSV as text: the fast way where a block is sound, line by line where it is not, so that only bad rows are lost."""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import IO

import polars as pl

from audit.errors import InputError
from audit.ingest.format import REJECTED
from audit.privacy.clean import clean

BLOCK = 32 * 1024**2
"""Bytes read at a time."""

_REJECTED = {**REJECTED, "byte": pl.UInt64()}
_LONGEST = 1024**2
"""House value: characters of a field, and bytes of a header line, at most."""

_DELIMITERS = ",;\t|"
_SAYS_DELIMITER = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)
"""A first line that some programs write for Excel."""

UTF_8 = "utf-8"
_BEFORE_UTF_8 = "cp1252"
"""What a text of bytes that are no UTF-8 most likely is: Latin-1 reads as it."""


def encoding_of(head: bytes) -> str:
    """In which encoding a file most likely is that begins with `head`, which may end inside a character."""
    try:
        codecs.getincrementaldecoder(UTF_8)().decode(head)
    except UnicodeDecodeError:
        return _BEFORE_UTF_8
    return UTF_8


def header(head: bytes, path: str, delimiter: str | None = None) -> tuple[list[str], str]:
    """Column names and delimiter of a file that begins with `head`. Raises InputError for a name that stands twice."""
    try:
        text = head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
        if said := _SAYS_DELIMITER.match(text):
            text, delimiter = text[said.end() :], delimiter or said[1]
        signs = delimiter or max(_DELIMITERS, key=text.split("\n", 1)[0].count)
        names = [clean(name.strip()) for name in next(csv.reader(io.StringIO(text), delimiter=signs))]
    except (csv.Error, StopIteration) as error:
        if "\r" in text.rstrip("\r\n"):
            raise InputError(
                f"{path}: its lines end in CR alone; save it with lines that end in LF"
            ) from error
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
    block, row, offset, line = stream.read(size), 1, len(head), head.count(b"\n") + 1
    yield frame([], [], names), pl.DataFrame(schema=_REJECTED), offset
    while block:
        more = stream.read(size)
        cut = _record_end(block) if more else len(block)
        try:
            rows, rejected, records = _parse(block[:cut], names, delimiter, row, offset)
        except _EndlessFieldError as error:
            text = f"in line {line + error.line:,} begins a field of more than {_LONGEST >> 20} MiB, or a quote that nothing closes"
            raise InputError(f"{path}: {text}; mend that line") from error
        yield rows, rejected, offset + cut
        last = block[block.rfind(b"\n") + 1 :]
        if not more and block.count(b'"') % 2 and _ends_in_quote(last, delimiter):
            raise InputError(f"{path}: ends before a quote is closed; take the file again")
        line += block.count(b"\n", 0, cut)
        row, offset, block = row + records, offset + cut, block[cut:] + more


class _EndlessFieldError(ValueError):
    """A field that is too long; `line`: how many lines of the block come before it."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line


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
    longest = rows.select(pl.max_horizontal(pl.all().str.len_bytes().max())).item()
    if (longest or 0) > _LONGEST:
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
    """Row by row. Raises _EndlessFieldError where a quote that is not closed on its line is followed by nothing but bad rows."""
    good: list[list[str]] = []
    numbers: list[int] = []
    bad: list[tuple[int, str | None, str, int]] = []
    number, begun = row, -1
    for fields, raw, start in _records(block, delimiter, len(names)):
        if fields is not None and not fields:
            continue  # a blank line is no row
        reason = _reason(fields, raw, len(names))
        if reason is None and fields is not None:
            good.append(fields)
            numbers.append(number)
            begun = -1
        else:
            begun = start if fields is None and begun < 0 else begun
            if begun >= 0 and start - begun > _LONGEST:
                raise _EndlessFieldError(block.count(b"\n", 0, begun))
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
    except UnicodeDecodeError:
        return f'not UTF-8; a map can say what it is, such as encoding = "{_BEFORE_UTF_8}"'
    if len(fields) != width:
        return f"{len(fields)} fields where the header has {width}"
    return None


def _records(block: bytes, delimiter: str, width: int) -> Iterator[tuple[list[str] | None, bytes, int]]:
    """Fields, bytes and place of each record.

    A record of several lines that has not the `width` number of fields, or that never ends, may have run away with its
    quote: only its first line is taken, with None for its fields, and reading goes on after that.
    """
    csv.field_size_limit(_LONGEST)
    lines = io.BytesIO(block).readlines()
    at, offset = 0, 0
    while at < len(lines):
        feed = _Feed(lines, at)
        reader = csv.reader(feed, delimiter=delimiter)
        try:
            for cells in reader:
                fields = (
                    cells if any(cells[width:]) else cells[:width]
                )  # some programs end lines with a delimiter
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
    if _SAYS_DELIMITER.match(head.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")):
        return head + stream.readline(_LONGEST)
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
