"""Reading segment definitions (TOML) and refusing what they cannot mean, by file, segment and key."""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Formatter
from typing import Any

from audit.errors import InputError
from audit.segments import toml_fields
from audit.segments.condition_parser import condition
from audit.segments.model import BASES, Definition
from audit.segments.toml_fields import Place
from audit.storage import toml_input

_TEXTS = ("id", "title", "basis", "purpose", "source", "reason")
_SEGMENT = (*_TEXTS, "aliases", "sensitive", "any_of", "finer_than", "when")
_TITLE = ("group",)
_REASON = ("count", "first", "last", "item", "group")
_ALIAS = ("group", "leaf")


@cache
def definitions() -> tuple[Definition, ...]:
    """Our own definitions, in the order of their file."""
    return parse(shipped(), "definitions.toml")


def shipped() -> str:
    """The text of the file of our own definitions."""
    return files("audit.segments").joinpath("definitions.toml").read_text("utf-8")


def with_ours(
    own: Iterable[Definition], ours: tuple[Definition, ...] | None = None
) -> tuple[Definition, ...]:
    """Ours (today's, or those given) and a workspace's `own`: one with the id of one of ours stands in its place, the
    others come after.
    """
    theirs = {one.id: one for one in own}
    both = tuple(theirs.pop(one.id, one) for one in (definitions() if ours is None else ours))
    return (*both, *theirs.values())


def concerning(chosen: tuple[Definition, ...], segment_id: str) -> tuple[Definition, ...]:
    """The definition that gives `segment_id`, then those that divide its groups further."""
    named = [one for one in chosen if segment_id == one.id or segment_id.startswith(f"{one.id}:")]
    while more := [one for one in chosen if one.finer_than in {it.id for it in named} and one not in named]:
        named += more
    return tuple(named)


def read(path: Path) -> tuple[Definition, ...]:
    """The definitions of a file. Raises InputError naming file, segment and key."""
    return _definitions(toml_input.read(path), str(path))


def parse(text: str, file: str) -> tuple[Definition, ...]:
    """The definitions in `text`; `file` is named in errors. Raises InputError."""
    try:
        document = toml_input.parsed(text)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error
    return _definitions(document, file)


def _definitions(document: Mapping[str, Any], file: str) -> tuple[Definition, ...]:
    toml_fields.refuse_unknown(Place(file, "-"), document, ("segment",))
    made = tuple(
        _definition(row, file, number) for number, row in enumerate(_tables(document, file), start=1)
    )
    seen: set[str] = set()
    for one in made:
        if one.id in seen:
            raise Place(file, one.id).error("id", "stands twice")
        seen.add(one.id)
    _refuse_circles(made, file)
    return made


def _refuse_circles(made: tuple[Definition, ...], file: str) -> None:
    """Refuse `finer_than` that names nothing grouped, or leads back to where it began."""
    grouped = {one.id: one for one in made if one.grouped}
    for one in made:
        place, seen, coarser = Place(file, one.id), [one.id], one.finer_than
        while coarser is not None:
            if coarser in seen:
                raise place.error("finer_than", f"goes in a circle: {' > '.join([*seen, coarser])}")
            if coarser not in grouped or one.id not in grouped:
                raise place.error(
                    "finer_than", toml_fields.unknown(coarser, [id_ for id_ in grouped if id_ != one.id])
                )
            seen.append(coarser)
            coarser = grouped[coarser].finer_than


def _tables(document: Mapping[str, Any], file: str) -> list[dict[str, Any]]:
    rows = document.get("segment", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{file}: write each segment as [[segment]]")
    return rows


def _definition(row: Mapping[str, Any], file: str, number: int) -> Definition:
    place = Place(file, str(row.get("id", f"number {number}")))
    toml_fields.refuse_unknown(place, row, _SEGMENT)
    texts = {name: toml_fields.text(place, row, name) for name in _TEXTS}
    if texts["basis"] not in BASES:
        raise place.error("basis", toml_fields.unknown(texts["basis"], BASES))
    conditions = row.get("when")
    if (
        not isinstance(conditions, list)
        or not conditions
        or not all(isinstance(one, dict) for one in conditions)
    ):
        raise place.error("when", "a segment needs at least one [[segment.when]]")
    when = tuple(condition(place, one) for one in conditions)
    if len(when) > 1 and any(one.by for one in when):
        raise place.error("depth", "by, depth, each and bands stand only in a segment of one condition")
    aliases = toml_fields.texts(place, row, "aliases")
    for key, written, allowed in (
        ("title", [texts["title"]], _TITLE),
        ("reason", [texts["reason"]], _REASON),
        ("aliases", aliases, _ALIAS),
    ):
        _refuse_fields(
            place, key, written, allowed if when[0].by else [one for one in allowed if one in _REASON[:4]]
        )
    return Definition(
        **texts,
        aliases=aliases,
        sensitive=toml_fields.flag(place, row, "sensitive"),
        any_of=toml_fields.flag(place, row, "any_of"),
        when=when,
        finer_than=toml_fields.text(place, row, "finer_than") if "finer_than" in row else None,
    )


def _refuse_fields(place: Place, key: str, texts: Iterable[str], allowed: Iterable[str]) -> None:
    for text in texts:
        try:
            names = [name for _, name, _, _ in Formatter().parse(text) if name is not None]
        except ValueError as error:
            raise place.error(key, f"{text!r} does not parse: {error}") from error
        for name in names:
            if name not in set(allowed):
                raise place.error(key, f"names {{{name}}}; {toml_fields.unknown(name, allowed)}")
