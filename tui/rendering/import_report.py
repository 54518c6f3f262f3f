"""What an import says of itself in lines: what came in and how it was taken, what is lost and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.rendering.wording import moment as minute
from tui.rendering.wording import several

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from audit.ingest.report import Imported

_WHY_UNREAD = {
    "ambiguous": "could be thousands or a decimal sign; say [numbers] decimal in a map",
    "out_of_range": "beyond 10^12",
}
"""Why a value could not be read, where there is something to do about it."""

_LOOKS_LIKE = {
    "e-mail": "e-mail addresses",
    "phone": "telephone numbers",
    "card": "card numbers",
    "IBAN": "account numbers",
    "IP": "IP addresses",
    "device": "hardware addresses",
}


def lost(skipped: Mapping[str, int], refused: Mapping[str, int]) -> Iterator[str]:
    """The rows that are no events, by reason: those of no interest, then those that could not be read."""
    for reason, rows in skipped.items():
        yield f"skipped {several(rows, 'row')}: {reason}" if rows else f"skipped: {reason}"
    for reason, rows in sorted(refused.items(), key=lambda pair: -pair[1]):
        yield f"refused {several(rows, 'row')}: {reason}"


def lines(answer: Imported, zone: str = "--time-zone or a map says another") -> Iterator[str]:
    """Who and when, then what is odd about the rows, and how they were taken; `zone`: how another time zone is said."""
    from audit.population.coverage import LeftOut
    from audit.queries.reports import language, left_out

    span = f" · {minute(answer.first)} to {minute(answer.last)}" if answer.first else ""
    yield f"{several(answer.customers, 'customer')}{span}"
    yield from _noted(answer, zone)
    for text in left_out(language("en"), LeftOut(unread=answer.unread)):
        yield f"{text}: their rows came in, the texts are kept in attributes"
    for field in answer.unread_fields:
        if field.reason in _WHY_UNREAD:
            yield f"{field.rows:,} of {field.column}: {_WHY_UNREAD[field.reason]}"
    for column in answer.held_back:
        looks_like, values = _LOOKS_LIKE[column.looks_like], several(column.rows, "value")
        yield (
            f"column {column.column!r} looks like {looks_like}: held back, {values} not stored; "
            "in a map, identifiers takes it to the vault, keep says that it is none"
        )


def _noted(answer: Imported, another: str) -> Iterator[str]:
    if answer.duplicates:
        known = answer.duplicates - answer.repeated
        yield f"of the duplicates {answer.repeated:,} repeat a row of this import, {known:,} were known already"
    for zone, times in answer.bare_times.items():
        yield f"{several(times, 'time')} without an offset, read in {zone}; {another}"
    if answer.before_1990:
        yield f"events before 1990: {answer.before_1990:,}"
    if answer.several_zones:
        yield f"customers with more than one time zone: {answer.several_zones:,}"
    if answer.updated:
        events = several(answer.updated, "event")
        yield f"{events} took the place of what came earlier with the same key, which is kept as superseded"
    if answer.others:
        words = ", ".join(f"{word} ({rows:,})" for word, rows in list(answer.other_kinds.items())[:5])
        yield f"events of an unknown kind, kept as other: {answer.others:,}{words and f': {words}'}"
    if answer.future:
        yield f"events later than this import, on which no answer rests: {answer.future:,}"
    if answer.future_opt_outs:
        yield f"of these a no, a complaint or a bounce: {answer.future_opt_outs:,}; correct the dates and import them again"
