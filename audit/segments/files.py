"""Reading segment definitions (TOML) and refusing what they cannot mean, by file, segment and key."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Formatter
from typing import Any

from audit import toml_file
from audit.errors import InputError
from audit.events import KINDS
from audit.segments.model import BASES, TESTS, THINGS, Condition, Definition, Selection
from audit.times import duration

_TEXTS = ("id", "title", "basis", "purpose", "source", "reason")
_SEGMENT = (*_TEXTS, "aliases", "sensitive", "any_of", "when")
_SELECTION = ("kinds", "categories", "words", "topics", "gift", "quantity_at_least")
_USES = {
    "count": ("things", "at_least", "window", "depth"),
    "sum": ("at_least", "window"),
    "share": ("keys", "share", "at_least", "window"),
    "first": ("window",),
    "absent": ("window",),
    "open": ("ends", "same", "after", "window"),
    "state": ("keys", "equals", "at_least"),
}
_REQUIRES = {
    "count": ("at_least",),
    "sum": ("at_least",),
    "share": ("keys", "share"),
    "first": ("window",),
    "absent": ("window",),
    "open": ("ends",),
    "state": ("keys",),
}
_SAME = ("item_id", "list_id")
_TITLE = ("group",)
_REASON = ("count", "first", "last", "item", "group")
_ALIAS = ("group", "leaf")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in which file something stands, for the sentence of an error."""

    file: str
    segment: str

    def error(self, key: str, problem: str) -> InputError:
        return InputError(f"{self.file}: segment {self.segment}: {key}: {problem}")


@cache
def definitions() -> tuple[Definition, ...]:
    """Our own definitions, in the order of their file."""
    return parse(files("audit.segments").joinpath("definitions.toml").read_text("utf-8"), "definitions.toml")


def read(path: Path) -> tuple[Definition, ...]:
    """The definitions of a file. Raises InputError naming file, segment and key."""
    return _definitions(toml_file.read(path), str(path))


def parse(text: str, file: str) -> tuple[Definition, ...]:
    """The definitions in `text`; `file` is named in errors. Raises InputError."""
    try:
        document = toml_file.parsed(text)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
    return _definitions(document, file)


def _definitions(document: Mapping[str, Any], file: str) -> tuple[Definition, ...]:
    _refuse_unknown(_Place(file, "-"), document, ("segment",))
    made = tuple(
        _definition(row, file, number) for number, row in enumerate(_tables(document, file), start=1)
    )
    seen: set[str] = set()
    for one in made:
        if one.id in seen:
            raise _Place(file, one.id).error("id", "stands twice")
        seen.add(one.id)
    return made


def _tables(document: Mapping[str, Any], file: str) -> list[dict[str, Any]]:
    rows = document.get("segment", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{file}: write each segment as [[segment]]")
    return rows


def _definition(row: Mapping[str, Any], file: str, number: int) -> Definition:
    place = _Place(file, str(row.get("id", f"number {number}")))
    _refuse_unknown(place, row, _SEGMENT)
    texts = {name: _text(place, row, name) for name in _TEXTS}
    if texts["basis"] not in BASES:
        raise place.error("basis", _unknown(texts["basis"], BASES))
    conditions = row.get("when")
    if (
        not isinstance(conditions, list)
        or not conditions
        or not all(isinstance(one, dict) for one in conditions)
    ):
        raise place.error("when", "a segment needs at least one [[segment.when]]")
    when = tuple(_condition(place, one) for one in conditions)
    if len(when) > 1 and any(one.depth for one in when):
        raise place.error("depth", "stands only in a segment of one condition")
    aliases = _list(place, row, "aliases")
    for key, written, allowed in (
        ("title", [texts["title"]], _TITLE),
        ("reason", [texts["reason"]], _REASON),
        ("aliases", aliases, _ALIAS),
    ):
        _refuse_fields(
            place, key, written, allowed if when[0].depth else [one for one in allowed if one in _REASON[:4]]
        )
    return Definition(
        **texts,
        aliases=aliases,
        sensitive=_flag(place, row, "sensitive"),
        any_of=_flag(place, row, "any_of"),
        when=when,
    )


def _condition(place: _Place, row: Mapping[str, Any]) -> Condition:
    test = _text(place, row, "test")
    if test not in TESTS:
        raise place.error("test", _unknown(test, TESTS))
    _refuse_unknown(place, row, ("test", *_SELECTION, *_USES[test]))
    for key in ("kinds", *_REQUIRES[test]):
        if key not in row:
            raise place.error(key, f"test {test} needs it")
    if test == "state" and ("equals" in row) == ("at_least" in row):
        raise place.error("equals", "test state needs either equals or at_least")
    windows = {key: _duration(place, row, key) for key in ("window", "after") if key in row}
    if "after" in windows and windows["after"] >= windows.get("window", windows["after"] * 2):
        raise place.error("after", "must be shorter than window, or nothing ever matches")
    return Condition(
        test=test,
        events=_selection(place, row),
        at_least=_number(place, row, "at_least", 1),
        things=_one_of(place, row, "things", THINGS, "event"),
        ends=_kinds(place, row, "ends"),
        same=_one_of(place, row, "same", _SAME, None),
        depth=int(_number(place, row, "depth", 1)) if "depth" in row else None,
        keys=_list(place, row, "keys"),
        equals=tuple(value.casefold() for value in _list(place, row, "equals")),
        share=_share(place, row),
        **windows,
    )


def _selection(place: _Place, row: Mapping[str, Any]) -> Selection:
    return Selection(
        kinds=_kinds(place, row, "kinds"),
        categories=_list(place, row, "categories"),
        words=_list(place, row, "words"),
        topics=_list(place, row, "topics"),
        gift=_flag(place, row, "gift"),
        quantity_at_least=_number(place, row, "quantity_at_least", 0) if "quantity_at_least" in row else None,
    )


def _refuse_unknown(place: _Place, row: Mapping[str, Any], allowed: Iterable[str]) -> None:
    for key in row:
        if key not in set(allowed):
            raise place.error(key, _unknown(key, allowed))


def _unknown(value: str, allowed: Iterable[str]) -> str:
    near = get_close_matches(value, list(allowed), n=1, cutoff=0.5)
    return (
        f"unknown {value!r}; did you mean {near[0]}?"
        if near
        else f"unknown {value!r}; one of {', '.join(allowed)}"
    )


def _refuse_fields(place: _Place, key: str, texts: Iterable[str], allowed: Iterable[str]) -> None:
    for text in texts:
        try:
            names = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
        except ValueError as error:
            raise place.error(key, f"{text!r} does not parse: {error}") from error
        for name in names:
            if name not in set(allowed):
                raise place.error(key, f"names {{{name}}}; {_unknown(name, allowed)}")


def _text(place: _Place, row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise place.error(key, "must be a text")
    return value


def _flag(place: _Place, row: Mapping[str, Any], key: str) -> bool:
    value = row.get(key, False)
    if not isinstance(value, bool):
        raise place.error(key, "must be true or false")
    return value


def _list(place: _Place, row: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = row.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) and one.strip() for one in value):
        raise place.error(key, "must be a list of texts")
    if key in row and not value:
        raise place.error(key, "must not be empty")
    return tuple(value)


def _kinds(place: _Place, row: Mapping[str, Any], key: str) -> tuple[str, ...]:
    kinds = _list(place, row, key)
    for kind in kinds:
        if kind not in KINDS:
            raise place.error(key, _unknown(kind, KINDS))
    return kinds


def _number(place: _Place, row: Mapping[str, Any], key: str, default: float) -> float:
    value = row.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e12:
        if key in row:
            raise place.error(key, "must be a number above 0")
        return default
    return value


def _share(place: _Place, row: Mapping[str, Any]) -> float:
    if "share" not in row:
        return 0.0
    share = _number(place, row, "share", 1.0)
    if share > 1:
        raise place.error("share", "must lie above 0 and not above 1")
    return share


def _one_of(place: _Place, row: Mapping[str, Any], key: str, allowed: tuple[str, ...], default: Any) -> Any:
    value = row.get(key, default)
    if key in row and value not in allowed:
        raise place.error(key, _unknown(str(value), allowed))
    return value


def _duration(place: _Place, row: Mapping[str, Any], key: str) -> Any:
    try:
        length = duration(row[key])
    except InputError as error:
        raise place.error(key, str(error)) from error
    if not length:
        raise place.error(key, "must be longer than nothing")
    return length
