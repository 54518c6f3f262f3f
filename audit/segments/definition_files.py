"""Segment definitions: ours, a workspace's own, and reading them (TOML) or refusing what they cannot mean."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Formatter
from typing import Annotated, Any

from msgspec import Struct
from msgspec.structs import asdict

from audit.errors import InputError
from audit.population.stats import MEASURES, Facts
from audit.segments.condition_parser import Location, measured, read_condition, texts
from audit.segments.model import BASES, Condition, Definition
from audit.storage import toml_input
from audit.storage.toml_input import Flag, Text, are_tables, one_of, read_by, unknown

_TITLE = ("group",)
_REASON = ("count", "part", "acts", "first", "last", "item", "bar", "group")
_ALIAS = ("group", "leaf")


class _SegmentTable(Struct, frozen=True, kw_only=True):
    """A segment as it is written, its conditions unread."""

    id: Text
    title: Text
    basis: Annotated[str, one_of(BASES, missing="must be a text")]
    purpose: Text
    source: Text
    reason: Text
    aliases: Annotated[tuple[str, ...], read_by(texts())] = ()
    sensitive: Flag = False
    any_of: Flag = False
    finer_than: Text | None = None
    when: Any = None


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
    added = {definition.id: definition for definition in own}
    replaced = [added.pop(our.id, our) for our in (definitions() if ours is None else ours)]
    return (*replaced, *added.values())


def concerning(definitions: tuple[Definition, ...], segment_id: str) -> tuple[Definition, ...]:
    """The definition that gives `segment_id`, then those that divide its groups further."""
    giving = [
        candidate
        for candidate in definitions
        if segment_id == candidate.id or segment_id.startswith(f"{candidate.id}:")
    ]
    ids = {definition.id for definition in giving}
    while finer := [
        candidate for candidate in definitions if candidate.finer_than in ids and candidate.id not in ids
    ]:
        giving += finer
        ids |= {definition.id for definition in finer}
    return tuple(giving)


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
    Location(file, "-").refuse_unknown(document, ("segment",))
    rows = document.get("segment", [])
    if not are_tables(rows):
        raise InputError(f"{file}: write each segment as [[segment]]")
    parsed = tuple(
        _definition(Location(file, str(row.get("id", f"number {number}"))), row)
        for number, row in enumerate(rows, start=1)
    )
    ids: set[str] = set()
    for definition in parsed:
        if definition.id in ids:
            raise Location(file, definition.id).error("id", "stands twice")
        ids.add(definition.id)
    _refuse_circles(parsed, file)
    return parsed


def _refuse_circles(definitions: tuple[Definition, ...], file: str) -> None:
    """Refuse `finer_than` that names nothing, or of a segment with groups one without, or leads back to where it began."""
    for definition in definitions:
        known = {
            candidate.id: candidate
            for candidate in definitions
            if candidate.grouped or not definition.grouped
        }
        path, coarser = [definition.id], definition.finer_than
        while coarser is not None:
            problem = None
            if coarser in path:
                problem = f"goes in a circle: {' > '.join([*path, coarser])}"
            elif coarser not in known:
                problem = unknown(coarser, [id_ for id_ in known if id_ != definition.id])
            if problem is not None:
                raise Location(file, definition.id).error("finer_than", problem)
            path.append(coarser)
            coarser = known[coarser].finer_than


def _definition(location: Location, row: Mapping[str, Any]) -> Definition:
    table = location.read(row, _SegmentTable)
    if not table.when or not are_tables(table.when):
        raise location.error("when", "a segment needs at least one [[segment.when]]")
    when = tuple(read_condition(location, condition) for condition in table.when)
    if len({(condition.by, condition.depth, condition.bands) for condition in when}) > 1:
        raise location.error(
            "depth", "by, depth, each and bands must be the same in every condition of a segment"
        )
    grouped = bool(when[0].by)
    for key, templates, fields in (
        ("title", [table.title], _TITLE),
        ("reason", [table.reason], _REASON),
        ("aliases", table.aliases, _ALIAS),
    ):
        allowed = fields if grouped else [field for field in fields if field != "group"]
        _refuse_fields(location, key, templates, allowed)
    return Definition(**{**asdict(table), "when": when})


def _refuse_fields(location: Location, key: str, templates: Iterable[str], allowed: Iterable[str]) -> None:
    for template in templates:
        try:
            fields = [field for _, field, _, _ in Formatter().parse(template) if field is not None]
        except ValueError as error:
            raise location.error(key, f"{template!r} does not parse: {error}") from error
        for field in fields:
            if field not in set(allowed):
                raise location.error(key, f"names {{{field}}}; {unknown(field, allowed)}")


def resolved(definitions: tuple[Definition, ...], facts: Facts) -> tuple[Definition, ...]:
    """The definitions with the numbers of `facts.quantiles` in place of fifths.

    One whose numbers are not known, because too few customers have an order, is left out. The numbers are group
    facts: they stay as they are stored when events of one customer are left out.
    """
    quantiles = {(measure, share): value for measure, share, value in facts.quantiles.iter_rows()}
    if not quantiles:
        return tuple(candidate for candidate in definitions if not _needs_fifths(candidate))
    return tuple(
        replace(candidate, when=tuple(_with_numbers(condition, quantiles) for condition in candidate.when))
        for candidate in definitions
    )


def _needs_fifths(definition: Definition) -> bool:
    return any(
        condition.fifth is not None or condition.window_fifth is not None for condition in definition.when
    )


def _with_numbers(condition: Condition, quantiles: dict[tuple[str, float], float]) -> Condition:
    things = measured(condition.test, condition.things, condition.keys)
    measure = MEASURES.get((things, condition.window), "")
    if condition.fifth is not None:
        condition = replace(condition, at_least=max(quantiles[measure, condition.fifth], 1.0))
    if condition.above_fifth is not None:
        raised = "share" if condition.test == "share" else "at_least"
        least = quantiles.get((measure, condition.above_fifth), 0.0)
        condition = replace(condition, **{raised: max(getattr(condition, raised), least)})
    if condition.window_fifth is not None:
        days = quantiles["recency", condition.window_fifth]
        condition = replace(condition, window=timedelta(days=int(days) + 1))
    return condition
