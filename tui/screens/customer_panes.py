"""What the panes of the customer screen say: documents in, entries out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.rendering import diff
from tui.rendering.explanation import Sentence
from tui.rendering.text import (
    content,
    joined,
    number,
    plain,
)
from tui.rendering.wording import (
    KNOWN,
    day,
    moment,
    no_day,
    severity,
)
from tui.widgets.items import Item
from tui.widgets.table_data import Column

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from textual.content import Content

    from audit.queries.customer import AnyMembership, Recommendation
    from audit.queries.findings_documents import Finding

STYLES = {"": "", "gone": "strike dim", "new": "bold"}
SIGNS = {"": "", "gone": "- ", "new": "+ "}


def columns(width: int, *, trying: bool = False) -> tuple[Column, ...]:
    """The timeline's columns for a terminal of that width; wider for what rules do where some are tried."""
    when = (
        Column("at", "day", width=16, show=moment)
        if width >= 150 and not trying
        else Column("at", "day", width=10, show=day)
    )
    then = (
        Column("note", "by the rules", width=38 if width < 110 else 24, whole=True)
        if trying
        else Column("note", "then", most=16 if width < 150 else 24)
    )
    return (when, Column("sign", "", width=1), Column("what", "what", flex=True), then)


def segment_item(segment: AnyMembership, mark: str) -> Item:
    """A segment: title, where it is known from; below, since when and on what it rests."""
    known = KNOWN[segment.logged, segment.derived]
    until = f" · ends {day(segment.until)}" if segment.until else f" · {no_day(segment)}"
    since = f"since {day(segment.since)}" if segment.since else ""
    style = STYLES[mark]
    return Item(
        segment.id,
        joined(
            (f"{SIGNS[mark]}{segment.title or segment.id}", f"bold {style}".strip()),
            (f"  {segment.standing} · {known}", style or ""),
            (
                f"\n{since}{until} · {segment.basis or 'no basis stated'} · {segment.purpose or 'no purpose stated'}",
                "dim",
            ),
        ),
    )


def recommendation_items(marked: Iterable[tuple[Recommendation, str]]) -> Iterator[Item]:
    """Recommendations under two heads: what the customer saw, and what only our definitions make."""
    made = list(marked)
    shown = [one for one in made if one[0].logged]
    ours = [one for one in made if not one[0].logged]
    if shown:
        yield Item("", content(f"shown to them ({number(len(shown))})", "underline"), head=True)
        yield from (_recommendation(document, mark) for document, mark in shown)
    if ours:
        head = f"our reconstruction; the customer did not see this ({number(len(ours))})"
        yield Item("", content(head, "underline"), head=True)
        yield from (_recommendation(document, mark) for document, mark in ours)


def _recommendation(document: Recommendation, mark: str) -> Item:
    style = STYLES[mark]
    return Item(
        diff.by_item(document),
        joined(
            (f"{SIGNS[mark]}{document.title or document.item_id}", f"bold {style}".strip()),
            (f"  {document.standing}", style),
            (f"\n{document.reason or plain(document.strategy).replace('_', ' ')}", "dim"),
        ),
    )


def finding_item(finding: Finding, mark: str) -> Item:
    """A finding: severity in sign and word, what it is, its verdict."""
    style = STYLES[mark]
    return Item(
        finding.id,
        joined(
            (f"{SIGNS[mark]}{severity(finding.severity)}  ", f"{style}".strip()),
            (finding.title, f"bold {style}".strip()),
            (f"  {number(finding.count)} · {plain(finding.verdict).replace('_', ' ')}", style),
            (f"\n{finding.text}", f"dim {style}".strip()),
        ),
    )


def finding_sentences(finding: Finding) -> tuple[Content, tuple[Sentence, ...]]:
    """A finding in full, for the Why pane: what, proof, causes, sources, rule."""
    head = joined((f"{severity(finding.severity)}  {finding.title}", "bold"), f"\n{finding.text}")
    messages, cause = finding.messages, finding.cause
    span = f"{day(finding.first)} to {day(finding.last)}"
    tree = [Sentence(content(f"{number(len(messages))} messages, {span}"), messages)] if messages else []
    if cause:
        tree.append(
            Sentence(content(f"caused by {number(len(cause))} event{'s' * (len(cause) != 1)}"), cause)
        )
    tree += [Sentence(content(f"after {source}")) for source in finding.sources]
    if finding.suggested_rule:
        tree.append(Sentence(content("f shows the rule that would have stopped it")))
    return head, tuple(tree)
