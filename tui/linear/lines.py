"""What the places of linear mode say: rows, trees, replays and curves as lines, with every state in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.rendering.replay_summary import CAVEAT, RATES, stopped_outcomes
from tui.rendering.text import listed, number, share
from tui.rendering.wording import KNOWN, day, moment, no_day, standing_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import polars as pl

    from audit.queries.customer import AnyMembership, Recommendation
    from audit.queries.findings_documents import Finding
    from audit.rules.replay.totals import ReplayDocument
    from tui.rendering.explanation import Sentence
    from tui.rendering.what_if_diff import Changes
    from tui.session.view_models import Document, Plan, Verdict

STATES = {"✓ ": "yes: ", "✗ ": "no: ", "? ": "cannot tell: ", "– ": "no: "}
"""What stands before a sentence of an explanation → the same in a word."""

CHANGES = {"+ ": "added: ", "- ": "removed: ", "~ ": "changed: "}
"""The same of a plan."""


def verdict(told: Verdict) -> Iterator[str]:
    """The answer first: what was found; then what it could come from, when it ends, what would have stopped it."""
    yield f"{told.severity}: {told.text}" if told.severity else f"Nothing found: {told.text}"
    yield from filter(None, (told.causes, told.ends))
    if told.remedy:
        yield f"Remedy: {told.remedy}"


def event(row: Document, note: str = "") -> str:
    """A row of a timeline: when, what, and what became of it."""
    lead = "mail: " if row["message"] is not None else ""
    told = note or (row["note"] if row["note"] != "–" else "")
    return f"{moment(row['at'])}, {lead}{row['what']}{f', {told}' if told else ''}"


def subjects(timeline: pl.DataFrame) -> list[tuple[str, int]]:
    """The mails by subject, most first: a line each, and the place of the newest of them in the timeline."""
    import polars as pl

    grouped = (
        timeline.with_row_index("place")
        .filter(pl.col("message").is_not_null())
        .group_by("what", maintain_order=True)
        .agg(pl.len(), pl.col("place").first(), pl.col("at").min().alias("first"), pl.col("at").max().alias("last"))
        .sort("len", "last", descending=True)
    )  # fmt: skip
    return [
        (f"{what}, {_times(count)}, {_days(first, last)}", place)
        for what, count, place, first, last in grouped.iter_rows()
    ]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{number(count)} times"


def _days(first: object, last: object) -> str:
    begin, end = str(first)[:10], str(last)[:10]
    return begin if begin == end else f"{begin} to {end}"


def names(timeline: pl.DataFrame) -> dict[str, str]:
    """Event → what it is called."""
    return {
        name: f"{row['what']}, {moment(row['at'])}"
        for row in timeline.iter_rows(named=True)
        for name in (*row["events"], row["key"])
    }


def segment(entry: AnyMembership, mark: str) -> str:
    since = (
        f"{'as of the export of' if entry.of_export else 'since'} {day(entry.since)}" if entry.since else ""
    )
    ends = f"ends {day(entry.until)}" if entry.until else no_day(entry)
    parts = (_marked(entry.title or entry.id, mark), standing_name(entry.standing), KNOWN[entry.logged, entry.derived], since, ends)  # fmt: skip
    return ", ".join(filter(None, parts))


def recommendation(entry: Recommendation, mark: str) -> str:
    shown = "shown to them" if entry.logged else "by our definition only"
    reason = entry.reason or entry.strategy.replace("_", " ")
    return (
        f"{_marked(entry.title or entry.item_id, mark)}, {shown}, {standing_name(entry.standing)}: {reason}"
    )


def finding(entry: Finding, mark: str) -> str:
    return f"{_marked(entry.severity, mark)}: {entry.text}"


def finding_whole(entry: Finding) -> Iterator[str]:
    """A finding in full: what, how many, by which sources, what stops it."""
    yield f"{entry.severity}: {entry.title}"
    yield entry.text
    if entry.messages:
        too_many = "" if entry.excess is None else f", {number(entry.excess)} too many"
        yield f"{number(entry.total)} messages, {day(entry.first)} to {day(entry.last)}{too_many}"
    yield from (f"after {source}" for source in entry.sources)
    if entry.covered_by:
        yield entry.covered_by.in_words
    if entry.covered_in_part:
        yield entry.covered_in_part.in_part


def _marked(text: str, mark: str) -> str:
    """A decision, with whether it is gone or new since events were left out."""
    return f"{mark}: {text}" if mark else text


def changes(found: Changes | None) -> Iterator[str]:
    """What is gone and what is new, whole."""
    for title, texts in (("Gone", found.gone), ("New", found.new)) if found is not None else ():
        yield f"{title}: {'; '.join(texts) if texts else 'nothing'}"


def tree(
    sentences: Sequence[Sentence], under: int = 0, start: int = 1
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """An explanation as numbered sentences: each with the number of the one it stands under, and the events behind it."""
    from tui.rendering.explanation import behind

    at = start
    for node in sentences:
        text = ": ".join(part for part in node.says.plain.split("  ") if part)
        state = next((sign for sign in STATES if text.startswith(sign)), "")
        said = STATES.get(state, "") + text.removeprefix(state)
        yield (f"under {under}, {said}" if under else said), behind(node)
        below = list(tree(node.because, at, at + 1))
        yield from below
        at += 1 + len(below)


def replay(document: ReplayDocument, scope: str) -> Iterator[str]:
    """A replay of one rule alone in sentences."""
    messages = document.messages
    part = share(document.stopped / messages) if messages else "–"
    yield f"{scope}: of {number(messages)} mails it stops {number(document.stopped)} ({part}), defers {number(document.deferred)}, lets through {number(document.let_through)}; {number(document.exempt)} are exempt."
    yield f"{number(document.customers_affected)} of {number(document.customers)} people lose a mail."
    for label, key in RATES:
        rates = document.rates
        told = [f"{name} {share(rate, 2)}" for name, group in (("stopped", rates.stopped), ("let through", rates.let_through), ("as many at random", rates.random_same_number)) if (rate := getattr(group, key).rate) is not None]  # fmt: skip
        if told:
            yield f"{label.capitalize()}: {', '.join(told)}."
    yield stopped_outcomes(document).plain
    yield CAVEAT


def plan(asked: Plan) -> Iterator[str]:
    """What a change would do, before anybody says yes."""
    for text in asked.lines:
        head = text.lstrip()
        sign = next((sign for sign in CHANGES if head.startswith(sign)), "")
        said = CHANGES.get(sign, "") + head.removeprefix(sign)
        if said:
            yield said.replace(" → ", " becomes ")


def rule(keys: Mapping[str, object]) -> Iterator[str]:
    """A rule as its keys and values."""
    yield from (f"{key.replace('_', ' ')}: {listed(value)}" for key, value in keys.items() if key != "title")
