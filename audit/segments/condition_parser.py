"""Reading the conditions of a segment (`[[segment.when]]`) and refusing what they cannot mean."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, TypeVar

from msgspec import Struct
from msgspec.structs import asdict

from audit.errors import InputError
from audit.events.schema import KINDS
from audit.events.times import duration
from audit.events.vocabulary import DISCOUNTS
from audit.population.stats import MEASURES
from audit.segments.model import BY, COLUMNS, TESTS, THINGS, Condition, Selection
from audit.storage.toml_input import Flag, TableError, convert, one_of, read_by, unknown

_SELECTION = ("kinds", "categories", "words", "topics", "gift", "quantity_at_least")
_USES = {
    "count": ("things", "at_least", "above_fifth", "window", "depth", "by"),
    "sum": ("at_least", "above_fifth", "window"),
    "share": ("keys", "share", "at_least", "above_fifth", "window"),
    "first": ("window",),
    "absent": ("window",),
    "open": ("ends", "same", "after", "window"),
    "state": ("keys", "columns", "equals", "at_least", "each", "bands", "starts"),
}
_REQUIRES = {
    "count": ("at_least",),
    "sum": ("at_least",),
    "share": ("keys", "share"),
    "first": ("window",),
    "absent": ("window",),
    "open": ("ends",),
    "state": (),
}
_STATES = ("equals", "at_least", "each", "bands", "starts")
_FIFTHS = {"q20": 0.2, "q40": 0.4, "q60": 0.6, "q80": 0.8}
_ORDERS = Selection(("order_completed",))
_CENTURY = timedelta(days=36_525)
_ALL_LEVELS = 1_000
"""More levels than a category path has."""

Table = TypeVar("Table", bound=Struct)


@dataclass(frozen=True, slots=True)
class Location:
    """Where in which file something stands, for the sentence of an error."""

    file: str
    segment: str

    def error(self, key: str, problem: str) -> InputError:
        """The error that `key` of this segment has `problem`."""
        return InputError(f"{self.file}: segment {self.segment}: {key}: {problem}")

    def refuse_unknown(self, row: Mapping[str, Any], allowed: Iterable[str]) -> None:
        """Refuse a key that is none of `allowed`, naming the nearest."""
        for key in row:
            if key not in set(allowed):
                raise self.error(key, unknown(key, allowed))

    def read(self, row: Mapping[str, Any], shape: type[Table]) -> Table:
        """The table `row` as a `shape`. Raises InputError."""
        self.refuse_unknown(row, shape.__struct_fields__)
        try:
            return convert(row, shape)
        except TableError as error:
            raise self.error(error.key, error.problem) from error


def texts(words: Iterable[str] | None = None) -> Callable[[Any], tuple[str, ...]]:
    """A reader of a list of texts, each one of `words` where those are given."""
    allowed = tuple(words or ())

    def reader(written: Any) -> tuple[str, ...]:
        if not isinstance(written, list) or not all(
            isinstance(word, str) and word.strip() for word in written
        ):
            raise InputError("must be a list of texts")
        if not written:
            raise InputError("must not be empty")
        for word in written if allowed else ():
            if word not in allowed:
                raise InputError(unknown(word, allowed))
        return tuple(written)

    return reader


def _number(written: Any) -> float:
    if isinstance(written, bool) or not isinstance(written, int | float) or not 0 < written < 1e12:
        raise InputError("must be a number above 0")
    return written


def _number_or_fifth(written: Any) -> float | str:
    return written if isinstance(written, str) else _number(written)


def _numbers(written: Any) -> tuple[float, ...]:
    try:
        numbers = [_number(number) for number in written]
    except (InputError, TypeError):
        numbers = []
    if not numbers or numbers != sorted(set(numbers)):
        raise InputError("must be a list of numbers above 0, each above the one before")
    return tuple(numbers)


def _share(written: Any) -> float:
    number = _number(written)
    if number > 1:
        raise InputError("must lie above 0 and not above 1")
    return number


def _duration(written: Any) -> timedelta:
    length = duration(written)
    if not length:
        raise InputError("must be longer than nothing")
    if length > _CENTURY:
        raise InputError("is longer than a century; leave it away where everything counts")
    return length


def _duration_or_fifth(written: Any) -> timedelta | str:
    return str(written) if written in tuple(_FIFTHS) else _duration(written)


_Texts = Annotated[tuple[str, ...], read_by(texts())]
_Kinds = Annotated[tuple[str, ...], read_by(texts(KINDS))]
_Number = Annotated[float, read_by(_number)]


class _ConditionTable(Struct, frozen=True, kw_only=True):
    """A condition as it is written; `definitions.toml` says what each key means."""

    test: str
    kinds: _Kinds
    categories: _Texts = ()
    words: _Texts = ()
    topics: _Texts = ()
    gift: Flag = False
    quantity_at_least: _Number | None = None
    things: Annotated[str, one_of(THINGS)] = "event"
    ends: _Kinds = ()
    same: Annotated[str | None, one_of(("item_id", "list_id"))] = None
    keys: _Texts = ()
    columns: Annotated[tuple[str, ...], read_by(texts(COLUMNS))] = ()
    equals: _Texts = ()
    starts: _Texts = ()
    each: Flag = False
    bands: Annotated[tuple[float, ...], read_by(_numbers)] = ()
    share: Annotated[float, read_by(_share)] = 0.0
    at_least: Annotated[float | str, read_by(_number_or_fifth)] = 1
    above_fifth: Annotated[str | None, one_of(_FIFTHS)] = None
    window: Annotated[timedelta | str | None, read_by(_duration_or_fifth)] = None
    after: Annotated[timedelta, read_by(_duration)] = timedelta(0)
    depth: _Number | None = None
    by: Annotated[tuple[str, ...], read_by(texts(BY[:-1]))] = ()


def read_condition(location: Location, row: Mapping[str, Any]) -> Condition:
    """One condition of the segment at `location`. Raises InputError naming file, segment and key."""
    test = row.get("test")
    if not isinstance(test, str) or not test.strip():
        raise location.error("test", "must be a text")
    if test not in TESTS:
        raise location.error("test", unknown(test, TESTS))
    location.refuse_unknown(row, ("test", *_SELECTION, *_USES[test]))
    for key in ("kinds", *_REQUIRES[test]):
        if key not in row:
            raise location.error(key, f"test {test} needs it")
    if test == "state":
        _refuse_state(location, row)
    table = location.read(row, _ConditionTable)
    fields = asdict(table)
    events = Selection(**{key: fields.pop(key) for key in _SELECTION})
    fields |= {key: tuple(text.casefold() for text in fields[key]) for key in ("equals", "starts")}
    fields |= _at_least(location, table, events) | _windows(location, table) | _groups(location, table)
    return Condition(events=events, **fields)


def _refuse_state(location: Location, row: Mapping[str, Any]) -> None:
    if not ("keys" in row or "columns" in row):
        raise location.error("keys", "test state needs keys or columns")
    states = [key for key in _STATES if key in row]
    if len(states) != 1:
        raise location.error(
            "equals", f"test state needs one of {', '.join(_STATES)}; {len(states)} are there"
        )


def _at_least(location: Location, table: _ConditionTable, events: Selection) -> dict[str, Any]:
    """`at_least`: a number, or where a fifth of the customers begins; `above_fifth`: that its beginning raises the number."""
    for key in ("at_least", "above_fifth"):
        written = getattr(table, key)
        if not isinstance(written, str):
            continue
        things = measured(table.test, table.things, table.keys)
        if (things, table.window) not in MEASURES or events != _ORDERS:
            raise location.error(
                key,
                "fifths are known of all orders in a window of 90d or 365d, of what was spent in 365d, and of the share at "
                f"a discount in 365d (keys {', '.join(DISCOUNTS)})",
            )
        if written not in _FIFTHS:
            raise location.error(key, unknown(written, _FIFTHS))
    if isinstance(table.at_least, str):
        return {"at_least": 1, "fifth": _FIFTHS[table.at_least], "above_fifth": None}
    above = None if table.above_fifth is None else _FIFTHS[table.above_fifth]
    return {"above_fifth": above}


def measured(test: str, things: str, keys: tuple[str, ...]) -> str:
    """What a condition counts, by the name that `MEASURES` has for it."""
    if test == "share":
        return "discounted" if keys == DISCOUNTS else ""
    return "spent" if test == "sum" else things


def _windows(location: Location, table: _ConditionTable) -> dict[str, Any]:
    if isinstance(table.window, str):
        if table.kinds != _ORDERS.kinds:
            raise location.error(
                "window", "fifths of recency are known of orders: kinds must be order_completed"
            )
        return {"window": None, "window_fifth": _FIFTHS[table.window]}
    if table.after and table.window is not None and table.after >= table.window:
        raise location.error("after", "must be shorter than window, or nothing ever matches")
    return {}


def _groups(location: Location, table: _ConditionTable) -> dict[str, Any]:
    """What the segment exists once for each of."""
    depth, by = None if table.depth is None else int(table.depth), table.by
    if table.each or table.bands:
        return {"by": ("value",), "depth": None}
    if depth is not None and by and "category" not in by:
        raise location.error("depth", "cuts categories; name category in by")
    if "price_band" in by and "category" not in by:
        raise location.error("by", "a price band is one of a category; name category too")
    if "category" in by or depth is not None:
        return {"by": by or ("category",), "depth": depth or _ALL_LEVELS}
    return {"depth": None}
