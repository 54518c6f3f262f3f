"""What was decided of a customer: segments, recommendations and findings, each list with what leaving out changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import OptionList

from tui import keys
from tui.rendering.text import content, joined, number, plain
from tui.rendering.what_if_diff import by_id, by_item, merged
from tui.rendering.wording import KNOWN, day, no_day, severity, standing_name
from tui.session.view_models import Subject
from tui.widgets.items import Item, Items
from tui.widgets.panes import PaneTabs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from textual.app import ComposeResult

    from audit.findings.anomaly import OutOfPattern
    from audit.queries.complaints.answer import About
    from audit.queries.customer import AnyMembership, Recommendation
    from audit.queries.findings_documents import Finding
    from tui.session.view_models import Picture

LISTS = ("segments", "recommendations", "findings")
STYLES = {"": "", "gone": "strike dim", "new": "bold"}
SIGNS = {"": "", "gone": "- ", "new": "+ "}
ANOMALY = "pattern:"
"""Begins the id of an order or session that is out of the usual pattern, among the findings."""


class DecisionLists(Vertical):
    """The three lists; where they share a place, tabs bring one of them to the front."""

    @dataclass
    class Highlighted(Message):
        """The cursor stands on a decision; `kind` is segment, item, finding, or anomaly for what is out of pattern."""

        subject: Subject

    def __init__(self) -> None:
        super().__init__(id="side", classes="wrapper")

    def compose(self) -> ComposeResult:
        yield PaneTabs(*LISTS, id="side-tabs")
        for name in LISTS:
            yield Items(id=name)

    @property
    def findings(self) -> Items:
        return self.query_one("#findings", Items)

    def point_at(self, subject: About | None, bring: Callable[[str], None]) -> None:
        """Put the cursor on a decision, and `bring` its list to the front unless it is a finding, of which all else tells."""
        names = {"segment": "segments", "item": "recommendations", "finding": "findings"}
        name = "" if subject is None else names.get(subject.kind, "")
        if (
            subject is not None
            and name
            and self.query_one(f"#{name}", Items).point_at(subject.id)
            and name != "findings"
        ):
            bring(name)

    def clear(self) -> None:
        """Show nothing."""
        for items in self.query(Items):
            items.put(())

    def show_decisions(self, before: Picture, now: Picture) -> None:
        """Show what is decided now, with what is gone since `before` and what is new."""
        from audit.why.wording import reconstruction

        self.query_one("#segments", Items).put(
            segment_item(segment, mark) for segment, mark in merged(before.segments, now.segments, by_id)
        )
        self.query_one("#recommendations", Items).put(
            _recommendation_items(
                merged(before.recommendations, now.recommendations, by_item),
                reconstruction(now.document.coverage),
            )
        )
        findings = merged(before.findings, now.findings, by_id)
        anomalies = merged(before.out_of_pattern, now.out_of_pattern, anomaly_id)
        self.findings.put([*(_finding_item(*marked) for marked in findings), *_anomaly_items(anomalies)])

    @on(OptionList.OptionHighlighted)
    def tell_subject(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        items = event.option_list
        if isinstance(items, Items) and items.has_focus:
            id_ = items.id_at(event.option_index)
            kind = {"segments": "segment", "recommendations": "item"}.get(str(items.id), "finding")
            if id_.startswith(ANOMALY):
                kind = "anomaly"
            self.post_message(self.Highlighted(Subject(kind, id_)))


def segment_item(segment: AnyMembership, mark: str) -> Item:
    """A segment: title, where it is known from; below, since when and on what it rests."""
    source = KNOWN[segment.logged, segment.derived]
    by_default = " by default" if segment.until_basis == "default" else ""
    until = f" · ends {day(segment.until)}{by_default}" if segment.until else f" · {no_day(segment)}"
    since = (
        f"{'as of the export of' if segment.of_export else 'since'} {day(segment.since)}"
        if segment.since
        else ""
    )
    style = STYLES[mark]
    return Item(
        segment.id,
        joined(
            (f"{SIGNS[mark]}{segment.title or segment.id}", f"bold {style}".strip()),
            (f"  {standing_name(segment.standing)} · {source}", style or ""),
            (
                f"\n{since}{until} · {segment.basis or 'no basis stated'} · {segment.purpose or 'no purpose stated'}",
                "dim",
            ),
        ),
    )


def _recommendation_items(marked: Iterable[tuple[Recommendation, str]], alone: str) -> Iterator[Item]:
    """Recommendations under two heads: what the customer saw, and what only our definitions make: `alone`."""
    items = list(marked)
    for logged, head in ((True, "shown to them"), (False, alone)):
        group = [(document, mark) for document, mark in items if document.logged == logged]
        if group:
            yield Item("", content(f"{head} ({number(len(group))})", "underline"), head=True)
            yield from (_recommendation_item(document, mark) for document, mark in group)


def _recommendation_item(document: Recommendation, mark: str) -> Item:
    style = STYLES[mark]
    return Item(
        by_item(document),
        joined(
            (f"{SIGNS[mark]}{document.title or document.item_id}", f"bold {style}".strip()),
            (f"  {standing_name(document.standing)}", style),
            (f"\n{document.reason or plain(document.strategy).replace('_', ' ')}", "dim"),
        ),
    )


def _finding_item(finding: Finding, mark: str) -> Item:
    """A finding: severity in sign and word, what it is, its verdict."""
    style = STYLES[mark]
    return Item(
        finding.id,
        joined(
            (f"{SIGNS[mark]}{severity(finding.severity)}  ", f"{style}".strip()),
            (finding.title, f"bold {style}".strip()),
            (f"  {number(finding.total)} · {plain(finding.verdict).replace('_', ' ')}", style),
            (f"\n{finding.text}", f"dim {style}".strip()),
        ),
    )


def anomaly_id(entry: OutOfPattern) -> str:
    """What makes an order or session the same one: its first event."""
    return ANOMALY + entry.evidence[0]


def _anomaly_items(marked: Iterable[tuple[OutOfPattern, str]]) -> Iterator[Item]:
    """What is out of the usual pattern, under a head that says what it is."""
    entries = list(marked)
    if entries:
        head = f"out of the usual pattern: hints ({number(len(entries))}) · {keys.key_of('customer.leave-out-what-is-out-of-pattern')} leaves one out"
        yield Item("", content(head, "underline"), head=True)
    for entry, mark in entries:
        kind = "recorded: " + ", ".join(entry.signs) if entry.hard else "hint"
        style = STYLES[mark]
        yield Item(
            anomaly_id(entry),
            joined(
                (f"{SIGNS[mark]}{kind}", f"bold {style}".strip()),
                (f"  score {entry.score:.1f}", style),
                (f"\n{entry.text}", f"dim {style}".strip()),
            ),
        )
