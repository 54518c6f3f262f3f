"""The customer that is open: the picture with and without some events, what is explained of it, which rules are tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.rendering.explanation import PaneText, Sentence, sentences, title
from tui.rendering.text import content, joined, number, plain
from tui.rendering.verdict_text import worst_finding
from tui.rendering.what_if_diff import marks, rests_on
from tui.rendering.wording import day, moment, severity
from tui.screens.what_if import WhatIf
from tui.widgets.decision_lists import anomaly_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from audit.findings.anomaly import OutOfPattern
    from audit.queries.findings_documents import Finding
    from audit.why import WhyDocument
    from tui.screens.what_if import PictureScreen
    from tui.session.view_models import Document, Picture, RuleTrial, Subject


class CustomerCase:
    """State of the Customer screen for one customer; `evidence` are the events behind what is explained."""

    def __init__(self, screen: PictureScreen, customer: str) -> None:
        self.customer = customer
        self.what_if = WhatIf(screen, customer)
        self.subject: Subject | None = None
        self.evidence: tuple[str, ...] = ()
        self.trying = False
        self.trial: RuleTrial | None = None

    @property
    def before(self) -> Picture | None:
        return self.what_if.before

    @property
    def now(self) -> Picture | None:
        return self.what_if.now

    @property
    def without(self) -> tuple[str, ...]:
        """The events that the picture shown lacks."""
        return self.now.without if self.now is not None else ()

    def shows(self, customer: str, without: tuple[str, ...]) -> bool:
        """Whether the picture shown is of that customer, without these events."""
        return self.now is not None and (customer, without) == (self.customer, self.without)

    def finding(self, id_: str | None) -> Finding | None:
        """The finding of that id, where it is still found."""
        findings = self.now.findings if self.now is not None else ()
        return next((finding for finding in findings if finding.id == id_), None)

    def worst_finding(self) -> Finding | None:
        return worst_finding(self.now.document) if self.now is not None else None

    def anomaly(self, id_: str | None) -> OutOfPattern | None:
        """The order or session out of the usual pattern of that id, else the first of them."""
        entries = self.before.out_of_pattern if self.before is not None else ()
        return next((entry for entry in entries if anomaly_id(entry) == id_), entries[0] if entries else None)

    def newest_message(self) -> str | None:
        """The newest message of the worst finding that has messages."""
        findings = self.before.findings if self.before is not None else ()
        return next((finding.messages[-1] for finding in findings if finding.messages), None)

    def pane_labels(self, before: Picture) -> dict[str, str]:
        """The name of each pane, and how much it holds."""
        items = number(len(before.recommendations)) if before.whole else ""
        return {
            "timeline": f"Timeline {number(before.timeline.height)}",
            "why": "Why",
            "segments": f"Segments {number(len(before.segments))}",
            "recommendations": f"Recommended {items}".strip(),
            "findings": f"Findings {number(len(before.findings))}",
        }

    def marks(self, row_of_event: Mapping[str, str]) -> dict[str, str]:
        """The mark of each row: what leaving out and the explanation say of it, and what the tried rules do."""
        row_marks = marks(self.without, self.what_if.derivable, self.evidence, row_of_event)
        if self.trial is None:
            return row_marks
        trial_marks = dict.fromkeys(self.trial.stopped, "stopped") | dict.fromkeys(
            self.trial.deferred, "deferred"
        )
        return row_marks | {key: mark for key, mark in trial_marks.items() if key not in self.without}

    def rule_to_leave_out(self, row: Document) -> Document:
        """The rule that leaves the events of a row of the timeline out for good; for somebody who died, their only rule."""
        from audit.findings.suggested_rule import slug

        if self.before is not None and self.before.only_rule is not None:
            return self.before.only_rule
        return {
            "id": f"leave-out-{slug(row['key'])}-for-{slug(self.customer)}",
            "kind": "exclude_event",
            "title": f"Nothing to {self.customer} that rests on this alone: {plain(row['what'])}, {day(row['at'])}",
            "customers": [self.customer],
            "events": list(row["events"]),
        }

    # -- what the Why pane says --------------------------------------------------------------------------------------

    def decision_text(self, document: WhyDocument, key: str | None) -> PaneText:
        """An explanation of a decision; `key` is the row of the message, to say what tried rules do with it."""
        head = title(document)
        if self.trial is not None and key is not None:
            fate = self.trial.stopped.get(key) or self.trial.deferred.get(key) or "it goes out"
            head = joined(head, "\n", (f"{self.trial.rules}: {fate}", "bold"))
        return PaneText(head, sentences(document), document.evidence, document.standing)

    def event_text(self, row: Document) -> PaneText:
        """A row of the timeline that is no message, or is left out: what rests on it."""
        rests = rests_on(self.now, frozenset(row["events"])) if self.now is not None else []
        left_out = row["key"] in self.without
        hint = "left out of the history; x puts it back" if left_out else "x leaves it out of the history"
        head = joined(
            (f"{row['sign']} {plain(row['what'])}", "bold"),
            (f" · {moment(row['at'])}", "dim"),
            f"\n{hint}",
        )
        tree = tuple(Sentence(content(text)) for text in rests or ["no decision rests on it"])
        return PaneText(head, (Sentence(content("what rests on it"), (), tree),))

    def trial_sentence(self) -> str:
        """What the tried rules do, in one sentence."""
        trial = self.trial
        if trial is None:
            return ""
        return (
            f"{trial.rules}: {number(len(trial.stopped))} of {number(trial.messages)} mails stopped, "
            f"{number(len(trial.deferred))} deferred"
        )


def finding_text(finding: Finding) -> PaneText:
    """A finding in full: what, proof, causes, sources, rule."""
    head = joined((f"{severity(finding.severity)}  {finding.title}", "bold"), f"\n{finding.text}")
    messages, cause = finding.messages, finding.cause
    span = f"{day(finding.first)} to {day(finding.last)}"
    too_many = "" if finding.excess is None else f": {number(finding.excess)} too many"
    told = f"{number(finding.total)} messages, {span}{too_many}"
    tree = [Sentence(content(told), messages)] if messages else []
    if cause:
        plural = "s" * (len(cause) != 1)
        tree.append(Sentence(content(f"caused by {number(len(cause))} event{plural}"), cause))
    tree += [Sentence(content(f"after {source}")) for source in finding.sources]
    if finding.covered_by:
        tree.append(Sentence(content(finding.covered_by.in_words)))
    if finding.covered_in_part:
        tree.append(Sentence(content(finding.covered_in_part.in_part)))
    if finding.suggested_rule:
        tree.append(Sentence(content("f shows the rule that would have stopped it")))
    return PaneText(head, tuple(tree), messages + cause, finding.verdict)


def anomaly_text(entry: OutOfPattern) -> PaneText:
    """An order or session that is out of the account's usual pattern, with what is unusual in it."""
    events = entry.evidence
    signs = tuple(Sentence(content(sign.text)) for sign in entry.because)
    return PaneText(
        joined((entry.text, "bold"), "\no leaves it out; O proposes a rule"),
        (Sentence(content(f"{number(len(events))} events"), events, signs),),
        events,
        "recorded" if entry.hard else "a hint",
    )
