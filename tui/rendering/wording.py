"""The words and signs that every screen shares."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from audit.ingest.report import Imported
    from audit.privacy.links import JoinedId
    from audit.queries.customer import AnyMembership
    from audit.why import Reason, WhyDocument

SEVERITIES = {"high": "▲ high", "medium": "■ med", "low": "● low", "info": "· info", "": "  none"}
"""Severity → sign and word: neither needs the colour beside it."""

TONES = {"▲": "high", "■": "medium", "●": "low"}
"""Sign → name of the style."""

STANDINGS = {
    "stated": "the sender recorded why",
    "derived": "our definition gives it",
    "inferred": "could be; all candidates are listed",
    "broadcast": "sent to everybody on a list",
    "unexplained": "nothing in this data explains it",
    "cannot_tell": "this data does not cover what would explain it",
}
"""The six standings and how we say them."""


def of_one_address(others: Sequence[str]) -> str:
    """That the vault knows `others` by the same address."""
    return f"{len(others) + 1} ids of one address, also {', '.join(others)}: counts and caps are of this one alone"


def joined_ids(joined: Sequence[JoinedId]) -> str:
    """That several ids are one person, and since when."""
    names = " and ".join(one.customer for one in joined)
    since = max(one.since for one in joined)
    return f"{names} are one person since {since:%Y-%m-%d}; what was decided before is judged by each id's own history"


def standing_name(standing: str) -> str:
    """A standing as one reads it."""
    return standing.replace("_", " ")


KNOWN = {
    (True, True): "logged and by our definition",
    (True, False): "logged only",
    (False, True): "our definition only",
    (False, False): "",
}
"""(logged, derived) → where a segment or recommendation is known from."""


SIDES = {"logged_only": "logged only", "derived_only": "ours only"}
"""Which side has what the other has not."""


def several(number: int, noun: str) -> str:
    """`1 customer`, `2,023 customers`."""
    from audit.why.wording import several as counted

    return counted(number, noun)


def moment(value: str | datetime | None) -> str:
    """A time as the screens write it: `2026-11-03 09:12` (UTC)."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return value[:16].replace("T", " ")


def day(value: str | datetime | None) -> str:
    """The day of a time."""
    return moment(value)[:10]


def no_day(segment: AnyMembership) -> str:
    """What stands where a segment has no day on which it ends: the kind of act that ends it, if one does."""
    named = {"logged": "no end recorded", "profile": "ends with newer data"}.get(segment.until_why)
    if named is not None:
        return named
    from audit.why.wording import kinds_in_words

    return f"ends with {kinds_in_words(segment.ends_with[:1])}" if segment.ends_with else "nothing ends it"


def severity(value: str | None) -> str:
    """Sign and word of a severity."""
    return SEVERITIES.get(value or "", value or "")


def as_known(at: datetime) -> str:
    """That an answer is not what is known now."""
    return f"as it was known on {moment(at)}: without rows imported later, and with rows replaced since as they stood"


def explanation_lines(document: WhyDocument) -> Iterator[str]:
    """An explanation as plain text, with the ids of its events."""
    from audit.why.wording import added_in_words

    if document.known_at:
        yield as_known(document.known_at)
    subject, proof = document.subject, document.counterfactual
    at = () if subject.at is None else (moment(subject.at),)
    yield " · ".join((subject.title or subject.id, *at, standing_name(document.standing)))
    yield from _reason_lines(document.because, 1)
    if document.left_out:
        yield "looked at, and does not count"
        yield from _reason_lines(document.left_out, 1)
    if document.until_text:
        yield f"ends: {document.until_text}"
    if proof is not None:
        if proof.worth_saying:
            yield f"without {proof.removed_in_words or ', '.join(proof.remove)}: {proof.outcome}"
            yield from _reason_lines(proof.besides, 1)
            yield from (
                f"  in its place ({item.strategy}): {item.title or item.item_id}" for item in proof.instead
            )
        yield from (f"had there been {added_in_words(act)}: {proof.outcome}" for act in proof.add)
    if document.covered_by:
        yield document.covered_by.in_words
    for rule in document.rules:
        yield f"rule {rule.id} v{rule.version}: {rule.verdict.replace('_', ' ')} · {rule.text}"


def _reason_lines(reasons: Sequence[Reason], depth: int) -> Iterator[str]:
    for reason in reasons:
        events = f"  [{', '.join(reason.events)}]" if reason.events else ""
        yield f"{'  ' * depth}- {reason.text}{events}"
        yield from _reason_lines(reason.because, depth + 1)


# -- what an import says of itself: what came in and how it was taken, what is lost and why ------------------------------

_WHY_UNREAD = {
    "ambiguous": "could be thousands or a decimal sign; say [numbers] decimal in a map",
    "out_of_range": "beyond 10^12",
}
"""Why a value could not be read, where there is something to do about it."""

_FEW = 3
"""House value: so many addresses of several ids are named on the page."""

_LOOKS_LIKE = {
    "e-mail": "e-mail addresses",
    "phone": "telephone numbers",
    "card": "card numbers",
    "IBAN": "account numbers",
    "IP": "IP addresses",
    "device": "hardware addresses",
}


def import_losses(skipped: Mapping[str, int], refused: Mapping[str, int]) -> Iterator[str]:
    """The rows that are no events, by reason: those of no interest, then those that could not be read."""
    for reason, rows in skipped.items():
        yield f"skipped {several(rows, 'row')}: {reason}" if rows else f"skipped: {reason}"
    for reason, rows in sorted(refused.items(), key=lambda pair: -pair[1]):
        yield f"refused {several(rows, 'row')}: {reason}"


def import_lines(answer: Imported, zone: str = "--time-zone or a map says another") -> Iterator[str]:
    """Who and when, then what is odd about the rows, and how they were taken; `zone`: how another time zone is said."""
    from audit.population.coverage import LeftOut
    from audit.queries.reports import language, left_out

    span = f" · {moment(answer.first)} to {moment(answer.last)}" if answer.first else ""
    made = f"{several(answer.events, 'event')} of these rows · " if answer.events != answer.accepted else ""
    yield f"{made}{several(answer.customers, 'customer')}{span}"
    yield from _noted(answer, zone)
    yield from _same_people(answer)
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


def _same_people(answer: Imported) -> Iterator[str]:
    """Which ids were joined, and which may be."""
    from audit.queries.links import joins_them

    if answer.linked:
        links = several(answer.linked, "link")
        yield f"{links} of ids that are one person; `whysent link --list` shows them, `whysent unlink` parts them"
    if answer.not_linked:
        yield (
            f"ids seen with more than one customer, which stay with the first: {answer.not_linked:,}; "
            "`whysent link` joins more"
        )
    yield from map(joins_them, answer.shared[:_FEW])
    if answer.same_address > _FEW:
        more = answer.same_address - _FEW
        yield f"and {more:,} more addresses and telephone numbers of several ids; --json lists them"


def _several_rows(keys: int) -> str:
    return f"{keys:,} keys stand on several rows" if keys > 1 else "1 key stands on several rows"


def kept_noes(answer: Imported) -> str:
    """That rows of an unknown kind look like a no; empty where none does."""
    rows = several(answer.other_opt_outs, "row")
    looks = f"{rows} of an unknown kind by the word for it may be a no, a complaint or a bounce"
    return (
        f"{looks}: name the word under [kinds] of a map and import them again"
        if answer.other_opt_outs
        else ""
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
    for name, keys in answer.joined_by_last.items():
        yield f"{name}: {_several_rows(keys)} that differ; of each the last row was joined"
    if answer.others:
        said, told = sum(answer.other_kinds.values()), list(answer.other_kinds.items())[:5]
        words = [f"{word} ({rows:,})" for word, rows in told]
        if len(answer.other_kinds) > len(told):
            words.append(several(len(answer.other_kinds) - len(told), "other word"))
        also = (
            "" if said == answer.others else f" (of {several(said, 'row')}, refused and known ones counted)"
        )
        yield f"events of an unknown kind, kept as other: {answer.others:,}{also}{': ' if words else ''}{', '.join(words)}"
    if text := kept_noes(answer):
        yield text
    if answer.future:
        yield f"events later than this import, on which no answer rests: {answer.future:,}"
    if answer.future_opt_outs:
        yield f"of these a no, a complaint or a bounce: {answer.future_opt_outs:,}; correct the dates and import them again"
