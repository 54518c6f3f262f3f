"""JSON objects into frames of text. Rows that have one shape - the same keys and lists, in the same order, with another text or
number here and there - are read a column at a time, all others one after another.

A shape is found in the first row that has it: that row is taken apart once, with a `Placeholder` where a text or a number
stands, and a pattern made of it finds these in all others. What the pattern does not find is read by itself: escapes, numbers with an
exponent, characters that `clean` would change.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import IO, Any, NamedTuple

import polars as pl

from audit.errors import InputError
from audit.ingest import strict_json
from audit.ingest.format import REJECTED
from audit.ingest.strict_json import BLANK, OpenError, Placeholder, loads, text
from audit.privacy.clean import HOSTILE, clean

Apart = Callable[[dict[str, Any]], Iterable[tuple[dict[str, Any], dict[str, Any]]]]
"""Takes one object apart: for each event in it the values of columns, and what is left for its attributes."""

ROWS = 50_000
"""Rows of a batch, at most."""

BYTES = 8 * 1024**2
"""Bytes of them, about."""


PLACE, NTH = "\x00place", "\x00nth"
"""Columns of an event: the place of its row, and which of the row's events it is."""

FEWEST = 100
"""House value: of fewer rows no shape is looked for; one after another they are read as fast."""

_MOST = 48
"""Shapes of one file that are remembered."""

_TRIED = 8
"""Rows tried in vain among those of no known shape, before the rest of a batch is read one after another."""

_LONGEST = 20_000
"""Characters of a row that may be a shape's first."""

_TOKEN = re.compile(r'("[^"\\]*")(\s*:)?|(-?[0-9][0-9.eE+-]*)')
_SIGN = rf'[^"\\{HOSTILE}]'
_TEXT = f'"({_SIGN}*)"'
_WORD = rf'"([^"\\{HOSTILE}\s{{\[]{_SIGN}*)"'
"""A text that has something in it, and is no JSON."""

_NUMBER = r"(-?(?:0|[1-9][0-9]{0,30})(?:\.[0-9]{1,30})?)"


class UnfitError(ValueError):
    """No shape can be made of a row."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """`pattern` finds what stands in a row's places; `events`: the columns of each event made of it."""

    pattern: str
    events: tuple[dict[str, pl.Expr], ...]


class Shapes:
    """The shapes of the rows of one file, as they come to be known."""

    def __init__(self, apart: Apart) -> None:
        self._apart = apart
        self._known: list[_Shape] = []

    def read(self, rows: Sequence[str | None]) -> tuple[list[pl.DataFrame], list[int]]:
        """The events of rows that have a shape, a frame for the n-th events of each; and the places of all other rows."""
        if len(rows) < FEWEST:
            return [], list(range(len(rows)))
        left = pl.DataFrame({"text": pl.Series(rows, dtype=pl.String)}).with_row_index(PLACE)
        alone = left.filter(pl.col("text").is_null())[PLACE].to_list()
        left = left.drop_nulls("text")
        frames: list[pl.DataFrame] = []
        for known in self._known:
            if left.height:
                left = _found(known, left, frames)
        tries = _TRIED
        while left.height and tries and len(self._known) < _MOST:
            place, first = left.row(0)
            before = left.height
            shape = self._shape(first)
            left = left if shape is None else _found(shape, left, frames)
            if shape is not None and left.height < before - 1:
                self._known.append(shape)
            else:
                tries -= 1
            if left.height and left[PLACE][0] == place:
                alone.append(place)
                left = left.slice(1)
        return frames, sorted([*alone, *left[PLACE]])

    def _shape(self, row: str) -> _Shape | None:
        try:
            return _shape_of(row, self._apart)
        except ValueError:
            return None


def _found(shape: _Shape, rows: pl.DataFrame, frames: list[pl.DataFrame]) -> pl.DataFrame:
    """Add the events of the rows that have a shape to `frames`; answers the other rows."""
    try:
        found = rows.select(PLACE, pl.col("text").str.extract_groups(shape.pattern).alias("found"))
    except pl.exceptions.ComputeError:  # a pattern larger than polars takes
        return rows
    places = found.unnest("found")
    fits = places.select(pl.col("1").is_not_null()).to_series()
    if not fits.any():
        return rows
    places = places.filter(fits)
    for nth, columns in enumerate(shape.events):
        frames.append(
            places.select(
                PLACE,
                pl.lit(nth, pl.UInt32).alias(NTH),
                *(pl.when(value != "").then(value).alias(name) for name, value in columns.items()),
            )
        )
    return rows.filter(~fits)


def _shape_of(row: str, apart: Apart) -> _Shape:
    """Raises ValueError where none can be made of a row."""
    if len(row) > _LONGEST or not row.startswith("{"):
        raise UnfitError
    pieces: list[str] = []
    holes: list[Placeholder] = []
    at = 0
    for token in _TOKEN.finditer(row):
        if token[2] is None:  # no key
            pieces.append(row[at : token.start()])
            holes.append(Placeholder(is_number=token[3] is not None))
            at = token.end()
    if not holes:
        raise UnfitError
    marked = "".join(f'{piece}"{nth}"' for nth, piece in enumerate(pieces)) + row[at:]
    fields = _with_holes(loads(marked), holes)
    events = tuple(_columns(values, rest, holes) for values, rest in apart(fields))
    pattern = "".join(pl.escape_regex(piece) + _hole(hole) for piece, hole in zip(pieces, holes, strict=True))
    return _Shape(f"^{pattern}{pl.escape_regex(row[at:])}$", events)


def _hole(hole: Placeholder) -> str:
    return _NUMBER if hole.is_number else _WORD if hole.looked_into else _TEXT


def _with_holes(value: Any, holes: Sequence[Placeholder]) -> Any:
    if isinstance(value, str):
        return holes[int(value)]
    if isinstance(value, dict):
        return {key: _with_holes(inner, holes) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_holes(inner, holes) for inner in value]
    return value


def _columns(
    values: dict[str, Any], rest: dict[str, Any], holes: Sequence[Placeholder]
) -> dict[str, pl.Expr]:
    """The columns of an event, each made of what the pattern found, by its number from 1."""
    numbers = {id(hole): str(nth) for nth, hole in enumerate(holes, start=1)}
    written = {name: _expr(value, numbers) for name, value in values.items()}
    if rest:
        if isinstance(rest.get("attributes"), Placeholder):
            raise UnfitError
        written["attributes"] = _expr(attributes_of(rest) or None, numbers)
    return written


def _expr(value: Any, numbers: dict[int, str]) -> pl.Expr:
    if isinstance(value, Placeholder):
        return pl.col(numbers[id(value)])
    if not isinstance(value, dict | list):
        return pl.lit(strict_json.text(value), pl.String)
    parts: list[pl.Expr] = []
    so_far = ""
    for part in _json(value):
        if isinstance(part, str):
            so_far += part
        else:
            quote = "" if part.is_number else '"'
            parts += [pl.lit(so_far + quote), pl.col(numbers[id(part)])]
            so_far = quote
    return pl.concat_str(*parts, pl.lit(so_far))


def _json(value: Any) -> Iterator[str | Placeholder]:
    """A value as compact JSON, in pieces."""
    if isinstance(value, Placeholder):
        yield value
    elif isinstance(value, dict):
        for nth, (key, inner) in enumerate(value.items()):
            yield f"{',' if nth else '{'}{strict_json.dumps(key)}:"
            yield from _json(inner)
        yield "}" if value else "{}"
    elif isinstance(value, list):
        for nth, inner in enumerate(value):
            yield "," if nth else "["
            yield from _json(inner)
        yield "]" if value else "[]"
    else:
        yield strict_json.dumps(value)


def attributes_of(rest: dict[str, Any]) -> Any:
    """What is left of an object, with what it calls attributes among it; if those are none, a list of both, to be kept as text."""
    if "attributes" not in rest:
        return rest
    attributes: dict[str, Any] = {}
    for key, value in rest.items():
        try:
            attributes.update(_object(value) if key == "attributes" else {key: value})
        except ValueError:
            others = {name: rest[name] for name in rest if name != key}
            return [value, others] if others else value
    return attributes


def _object(value: Any) -> dict[str, Any]:
    """Attributes: an object, or its text."""
    parsed = loads(value) if isinstance(value, str) and value.strip() else value or {}
    if not isinstance(parsed, dict):
        raise ValueError("attributes is no JSON object")  # noqa: TRY004  it is kept as text, whatever is wrong with it
    return parsed


def chunks(stream: IO[bytes], path: str, apart: Apart) -> Iterator[tuple[pl.DataFrame, pl.DataFrame, int]]:
    """Events as text with the number of their row, refused rows, and bytes read so far.

    Raises InputError, last of all, if the file ends inside a list, or inside an object longer than `LONGEST`.

    A row is an object: one on a line, several on one, or over several lines; in a list or not. Numbers keep the
    text they were written in; lists and objects are JSON.
    """
    rows, number, cut, done = _Rows(apart), 1, "", 0
    blocks = _blocks(strict_json.objects(stream))
    while True:
        try:
            objects, done = next(blocks, (None, done))
        except OpenError as error:
            objects, cut = None, str(error)
        if objects is None:
            break
        yield (*rows.frames(objects, number), done)
        number += len(objects)
    if number == 1:
        yield (*rows.frames([], number), done)
    if cut:
        raise InputError(f"{path}: ends before {cut} is closed; take the file again")


def _blocks(read: Iterable[tuple[list[bytes], int]]) -> Iterator[tuple[list[bytes], int]]:
    """Objects by the batch; those before an error too."""
    objects: list[bytes] = []
    begun = done = 0
    try:
        for several, done in read:
            objects += several
            while len(objects) >= ROWS:
                yield objects[:ROWS], done
                objects, begun = objects[ROWS:], done
            if done - begun >= BYTES and objects:
                yield objects, done
                objects, begun = [], done
    except OpenError:
        if objects:
            yield objects, done
        raise
    if objects:
        yield objects, done


class _Event(NamedTuple):
    place: int
    nth: int
    values: dict[str, str | None]


class _Rows:
    """Reads the rows of one file."""

    def __init__(self, apart: Apart) -> None:
        self._apart = apart
        self._shapes = Shapes(apart)

    def frames(self, objects: Sequence[bytes], number: int) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The events of rows of which the first has this number, and the rows that are refused."""
        shaped, left = self._shapes.read([_plain(written) for written in objects])
        events, refused = [], []
        for place in left:
            written = objects[place]
            try:
                several = self._events(written)
            except ValueError as error:
                reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
                raw = written[: strict_json.LONGEST].decode("utf-8", "replace")
                refused.append((number + place, reason, raw))
                continue
            events += [_Event(place, nth, values) for nth, values in enumerate(several)]
        return _together(shaped, events, number), pl.DataFrame(refused, schema=REJECTED, orient="row")

    def _events(self, written: bytes) -> list[dict[str, str | None]]:
        """The columns of each event of one object, as text. Raises ValueError in plain words."""
        if len(written) >= strict_json.LONGEST:
            raise ValueError(f"a line of more than {strict_json.LONGEST >> 20} MiB")
        parsed = loads(written.removeprefix(b"\xef\xbb\xbf").decode("utf-8").strip(), words=True)
        if not isinstance(parsed, dict):
            raise ValueError("no object")  # noqa: TRY004  a bad row, whatever is wrong with it
        said = _text_cleaned if b"\\u" in written else text
        events = []
        for values, rest in self._apart(parsed):
            event = {
                name: (value or None) if type(value) is str and said is text else said(value)
                for name, value in values.items()
            }
            if rest:
                attributes = attributes_of(rest)
                event["attributes"] = said(attributes) if attributes else None
            events.append(event)
        return events


def _plain(written: bytes) -> str | None:
    """The text of an object, where it can be read together with others."""
    if len(written) >= strict_json.LONGEST or b"\\" in written:
        return None
    try:
        return written.strip(BLANK).decode()
    except UnicodeDecodeError:
        return None


def _framed(events: Sequence[_Event]) -> pl.DataFrame:
    """Events that were read one after another."""
    names = dict.fromkeys(chain.from_iterable(event.values for event in events))
    return pl.DataFrame(
        [
            pl.Series(PLACE, [event.place for event in events], dtype=pl.UInt32),
            pl.Series(NTH, [event.nth for event in events], dtype=pl.UInt32),
            *(
                pl.Series(name, [event.values.get(name) for event in events], dtype=pl.String)
                for name in names
            ),
        ]
    )


def _together(shaped: Sequence[pl.DataFrame], events: Sequence[_Event], number: int) -> pl.DataFrame:
    """All events in the order of their rows, with `row`; columns in the order in which they first come."""
    came = [(frame[PLACE][0], frame[NTH][0], frame.columns[2:]) for frame in shaped]
    came += [(event.place, event.nth, list(event.values)) for event in events]
    names = dict.fromkeys(chain.from_iterable(several for *_, several in sorted(came)))
    frames = [*shaped, _framed(events)] if events or not shaped else list(shaped)
    rows = pl.concat(frames, how="diagonal") if len(frames) > 1 else frames[0]
    if len(frames) > 1:
        rows = rows.sort(PLACE, NTH)
    return rows.select((pl.col(PLACE).cast(pl.UInt64) + number).alias("row"), *names)


def _text_cleaned(value: Any) -> str | None:
    """An escape can be half a character, which no column can hold."""
    said = text(value)
    return None if said is None else clean(said)
