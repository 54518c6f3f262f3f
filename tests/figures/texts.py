"""Which figures the sentences of an explanation, a letter and a note may hold: those that the events of the customer give."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from audit.flows import triggers
from audit.flows.model import Flow
from audit.queries.findings_documents import Finding
from audit.queries.reports.document import Node, Report
from audit.why.model import Reason, WhyDocument
from tests.figures.history import History, Row, order
from tests.figures.reading import day, figures, minute

UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
SCOPES = {"campaigns": "campaign_id", "categories": "category", "channels": "channel", "senders": "sender"}
LISTED = 12
"""So many are named one by one, and how many there are is said."""


def lengths(flows: Iterable[Flow]) -> set[timedelta]:
    """Every length of time that a definition names."""
    asked = [*triggers.definitions().values(), *(flow.trigger for flow in flows if flow.trigger)]
    found = {length for trigger in asked for length in (trigger.window, trigger.quiet_for)}
    for step in (step for flow in flows for step in flow.steps):
        after, leeway = step.after or timedelta(0), step.leeway or timedelta(0)
        found |= {after, leeway, after + leeway}
    return found | {flow.every for flow in flows if flow.every}


def in_units(length: timedelta) -> set[str]:
    """A length of time as whole minutes, hours and days."""
    return {str(round(length / unit)) for unit in UNITS.values()}


def of_events(rows: Iterable[Row]) -> set[str]:
    """When events were."""
    return {text for row in rows for text in (day(row["occurred_at"]), minute(row["occurred_at"]))}


def wrong_in_explanation(
    document: WhyDocument, history: History, known: set[str], names: set[str]
) -> Iterator[str]:
    """The sentences of an explanation with a figure that its events do not give. `known`: figures of the data's cover and of definitions."""
    acts = [history.by_id[event] for event in document.evidence if event in history.by_id]
    passed = {
        figure
        for row in acts
        if document.subject.at
        for figure in in_units(document.subject.at - row["occurred_at"])
    }
    subject = of_events([{"occurred_at": document.subject.at}]) if document.subject.at else set()
    for reason in (*_reasons(document.because), *_reasons(document.left_out)):
        own = [history.by_id[event] for event in reason.leaves() if event in history.by_id]
        allowed = (
            {str(len(reason.events)), str(len(set(reason.leaves())))}
            | of_events(own)
            | subject
            | known
            | passed
        )
        if reason.absent is not None:
            allowed |= {day(at) for at in (reason.absent.since, reason.absent.until) if at} | of_events(acts)
        yield from unaccounted(reason.text, allowed, names)
    ends = {day(at) for at in (document.until, document.counts_until) if at}
    yield from unaccounted(document.until_text, ends | of_events([*acts, *history.sent]) | known, names)
    if document.counterfactual is not None:
        proof = document.counterfactual
        removed = Counter(history.by_id[event]["kind"] for event in proof.remove)
        everything = Counter(row["kind"] for row in history.rows)
        numbers = {str(number) for counted in (removed, everything) for number in counted.values()}
        yield from unaccounted(f"{proof.removed_in_words} {proof.outcome}", numbers, names)


def known_ends(document: WhyDocument, history: History, known_lengths: set[timedelta]) -> bool:
    """Whether its end is an act of the customer's and a length that a definition names, where a day is told."""
    times = {row["occurred_at"] for row in history.rows}
    just_after = (timedelta(0), timedelta(microseconds=1))  # the end of a leeway still belongs to it
    return document.until is None or any(
        document.until - length - more in times for length in known_lengths for more in just_after
    )


def wrong_in_letter(report: Report, allowed: set[str], history: History, names: set[str]) -> Iterator[str]:
    """The sentences of a letter with a figure that nothing accounts for; a message that it lists was sent on that day."""
    sent = {(day(row["occurred_at"]), _title(row)) for row in history.sent}
    for text in (text for section in report.sections for text in (*section.paragraphs, *section.items)):
        listed = re.match(r"(\d[^:]*\d{4}): [“„]([^”“]*)[”“]", text)
        if listed:
            if (figures(listed[1])[0], listed[2]) not in sent:
                yield f"{text}: no such message"
        else:
            yield from unaccounted(text, allowed, names)


def letter_figures(
    finding: Finding | None, explanations: Sequence[WhyDocument], history: History
) -> set[str]:
    """What a letter about a finding may say, but for what the data covers and the book holds."""
    causes = set() if finding is None else {*finding.messages, *finding.cause, *finding.evidence}
    told = history.mailings if finding is None else [row for row in history.sent if row["event_id"] in causes]
    events = {event for document in explanations for event in document.evidence} | causes
    rows = [*(row for row in history.rows if row["event_id"] in events), *told]
    rows += history.kind("unsubscribed", "objected", "subscribed", "consent_given", "consent_withdrawn")
    numbers = {str(len(told)), str(min(LISTED, len(told))), str(len(history.sent))}
    if finding is not None:
        rows += [row for row in history.mailings if row["occurred_at"] in {finding.first, finding.last}]
        senders = {row["sender"] for row in told if row["sender"]}
        numbers |= {
            str(finding.total),
            str(finding.excess),
            str(len(finding.messages)),
            str(len(senders) - 3),
        }
        rule = finding.suggested_rule or {}
        numbers |= set(re.findall(r"\d+", f"{rule.get('limit', '')} {rule.get('window', '')}"))
        if rule.get("kind") == "sunset":
            numbers.add(str(len(sunset_stops(rule, history) & set(finding.messages))))
    ends = {day(document.until) for document in explanations if document.until}
    return numbers | of_events(rows) | ends


def sunset_stops(rule: Mapping[str, Any], history: History) -> set[str]:
    """The messages that a suggested sunset would have stopped: so many let through before, no click, no order since."""
    clicks = {row["message_id"]: row for row in history.kind("message_clicked") if not row["machine"]}
    passed: list[Row] = []
    stopped: set[str] = set()
    for row in history.mailings:
        if any(row[column] not in rule[key] for key, column in SCOPES.items() if rule.get(key)):
            continue
        last = passed[-rule["unengaged"] :]
        answered = any(
            order(clicks[one["message_id"]]) < order(row) for one in last if one["message_id"] in clicks
        )
        ordered = last and any(order(last[0]) < order(bought) < order(row) for bought in history.orders)
        if len(last) == rule["unengaged"] and not answered and not ordered:
            stopped.add(row["event_id"])
        else:
            passed.append(row)
    return stopped


def of_anomalies(history: History, accounts: int) -> set[str]:
    """Days, hours and numbers of a customer's orders and sessions: what is out of the pattern is told in these."""
    acts = [*history.orders, *history.acts]
    numbers = {str(number) for number in range(len({row["order_id"] or row["event_id"] for row in acts}) + 1)}
    hours = {str(row["occurred_at"].hour) for row in acts}
    shares = {
        f"{100 * number / of:.1f}" for of in range(1, accounts + 1) for number in range(1, of + 1)
    }  # of the accounts with orders or sessions
    return of_events(acts) | numbers | hours | {"00"} | shares


def message_counts(history: History) -> dict[str, int]:
    """What a note says of a customer's messages, each counted once."""
    tried = _messages(history, "message_sent", "message_suppressed", "message_attempted")
    sent, suppressed = _messages(history, "message_sent"), _messages(history, "message_suppressed")
    human = [row for row in history.kind("message_clicked", "message_opened") if not row["machine"]]
    clicked = {row["message_id"] for row in human if row["kind"] == "message_clicked"}
    machine = {row["message_id"] for row in history.kind("message_opened") if row["machine"]}
    kinds = (
        "message_opened",
        "message_clicked",
        "message_bounced",
        "message_complained",
        "message_delivered",
    )
    return {
        "attempted": len(tried), "sent": len(sent), "suppressed": len(suppressed), "clicked": len(clicked & tried),
        "machine_opened": len(machine & tried), "orphans": len(_messages(history, *kinds) - tried),
    }  # fmt: skip


def _messages(history: History, *kinds: str) -> set[str]:
    return {row["message_id"] or row["event_id"] for row in history.kind(*kinds)}


def weeks(history: History) -> dict[str, int]:
    """The Monday of each week → how many messages were sent in it."""
    return Counter(
        day(row["occurred_at"] - timedelta(days=row["occurred_at"].weekday())) for row in history.sent
    )


def wrong_in_nodes(nodes: Iterable[Node], allowed: set[str], names: set[str]) -> Iterator[str]:
    for node in nodes:
        yield from unaccounted(node.text, allowed, names)
        yield from wrong_in_nodes(node.below, allowed, names)


def unaccounted(text: str, allowed: set[str], names: set[str]) -> Iterator[str]:
    """The text and its figures that are not among those `allowed`, where there are any."""
    read = [figure for figure in figures(text, names) if not _fits(figure, allowed)]
    if read:
        yield f"{text!r}: {read}"


def _fits(figure: str, allowed: set[str]) -> bool:
    """Whether a figure is among those allowed; a day without its year is any year's."""
    if figure.startswith("????"):
        return any(known.endswith(figure[4:]) for known in allowed)
    return figure in allowed


def _reasons(reasons: Iterable[Reason]) -> Iterator[Reason]:
    for reason in reasons:
        yield reason
        yield from _reasons(reason.because)


def _title(row: Row) -> Any:
    return row["subject"] or row["campaign_name"] or row["campaign_id"] or row["event_id"]


def everything_told(documents: Iterable[WhyDocument], history: History) -> set[str]:
    """The figures of explanations that were read one by one."""
    texts = [
        text
        for document in documents
        for text in (
            document.until_text,
            *(reason.text for reason in (*_reasons(document.because), *_reasons(document.left_out))),
        )
    ]
    subjects = [{"occurred_at": document.subject.at} for document in documents if document.subject.at]
    own = {figure for text in texts for figure in figures(text, history.names)}
    rows = [
        history.by_id[event]
        for document in documents
        for event in document.evidence
        if event in history.by_id
    ]
    added = [
        datetime.fromisoformat(str(event["occurred_at"]))
        for document in documents
        if document.counterfactual
        for event in document.counterfactual.add
    ]
    removed = {
        figure
        for document in documents
        if document.counterfactual
        for group in document.counterfactual.removed
        for figure in (str(group.count), str(group.of))
    }
    absent = {
        day(at)
        for document in documents
        for reason in (*_reasons(document.because), *_reasons(document.left_out))
        if reason.absent is not None
        for at in (reason.absent.since, reason.absent.until)
        if at
    }
    days = {text for at in added for text in (day(at), minute(at))}
    conditions = {
        figure
        for document in documents
        if document.reconstruction
        for condition in document.reconstruction.conditions
        for figure in figures(condition.text, history.names)
    }
    return own | of_events(subjects) | of_events(rows) | days | conditions | removed | absent
