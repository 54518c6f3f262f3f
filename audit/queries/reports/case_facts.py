"""Which finding a reply is about, and what it says of it, as typed facts out of the customer's own events."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from audit.errors import InputError
from audit.events import sensitive_topics, vocabulary
from audit.events.messages import messages, sent_messages
from audit.events.purchases import undone
from audit.events.vocabulary import NOES, OPT_INS, says_no_expr, with_addresses
from audit.findings import check
from audit.findings.check_context import CheckContext
from audit.population.audience import FEWEST, Audiences, none
from audit.population.coverage import Coverage
from audit.privacy.role_view import RoleView
from audit.queries.case import Case
from audit.queries.findings_documents import Finding
from audit.rules.model import KINDS
from audit.why import data_sufficiency, reasons
from audit.why.model import Facts
from audit.why.silence import Silence, silence_after_finding
from audit.why.wording import Wording

_CALLED = {"campaign_id": "campaign_name", "item_id": "item_name"}
"""Columns of ids, and those of what they are called."""

_LEGAL_REQUESTS = ("access_requested", "erasure_requested")
_ORDER = "order_completed"
_AFTER_A_NO = ("breach", "within_grace", "maybe_machine")
"""Cases of messages that a no bears on, and that were sent all the same."""


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message of the case. `about`: the item, else the last level of the category, where the log says so.

    `sender`: the brand; `system`: the source whose log names it, where that is a name; `delivery`: goods that were sent, and no message. `refused`: a no
    of the customer that bears on it is in force at the moment asked about. `campaign`: its name, where it has one. `title`: empty where the log has none that says anything to the customer.
    """

    event_id: str
    at: datetime
    title: str
    about: str | None = None
    sender: str | None = None
    system: str | None = None
    channel: str | None = None
    campaign: str | None = None
    marketing: bool = False
    refused: bool = False
    delivery: bool = False


@dataclass(frozen=True, slots=True)
class OptOut:
    """A no of the customer: the kind of event, when, and the one sender, channel and list it is about, if it is about one.

    `topics`: those it is about, without the sensitive ones. `newest`: the newest of several noes; `renewed`: the yes that came after that one and bears on the same.
    """

    kind: str
    at: datetime
    sender: str | None = None
    channel: str | None = None
    list_id: str | None = None
    topics: tuple[str, ...] = ()
    newest: datetime | None = None
    renewed: datetime | None = None


@dataclass(frozen=True, slots=True)
class Purchase:
    """What the customer bought, and when; `unasked`: it was sent to them without an order."""

    about: str
    at: datetime
    unasked: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """That others put the customer into the group that the messages were for: since when, and who they are.

    `listed`: a list of that day has the customer, which does not say since when; `covered`: the data would hold acts of the
    customer's own that led to it.
    """

    since: datetime
    name: str | None
    listed: bool = False
    covered: bool = True


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """The facts of one case; `sent`: the finding's messages, else the marketing messages of the customer, oldest first.
    `others`: when those were sent that came after the same no over the same channel, and that it is not about.

    `others_came`: over their channels others came in the same time. `silence`: how far the mail log goes on after the last of the finding's and of those like them, without a gap.
    """

    sent: tuple[SentMessage, ...] = ()
    others: tuple[datetime, ...] = ()
    others_came: bool = False
    opt_out: OptOut | None = None
    purchase: Purchase | None = None
    origin: Origin | None = None
    silence: Silence | None = None
    legal_request: datetime | None = None
    bereaved: bool = False


def brands(messages: Iterable[SentMessage]) -> list[str]:
    """The brands that sent these messages, the one that sent most first."""
    names = [message.sender for message in messages if message.sender]
    return sorted(dict.fromkeys(names), key=lambda name: (-names.count(name), name))


def chosen(findings: Sequence[Finding], ident: str | None) -> Finding | None:
    """The finding with the id `ident`; by default the first that can be told, hints only where there is nothing else.

    Of several as grave the one that an act of the customer's own is behind comes first: that is what they ask about. A
    mere hint of what a reply is not for is never chosen by itself. Raises InputError where there is no finding `ident`.
    """
    if ident is not None:
        for row in findings:
            if row.id == ident:
                return row
        raise InputError(f"no finding {ident!r} of this customer; `whysent audit` lists them")
    tellable = [row for row in findings if row.verdict != "cannot_tell"]
    grave = [row for row in tellable if row.severity != "info"]
    if grave:
        worst = [row for row in grave if row.severity == grave[0].severity]
        return next((row for row in worst if row.cause), worst[0])
    return next((row for row in tellable if not check(row.check).handed_to), None)


def messages_to_explain(
    findings: Sequence[Finding],
    *,
    finding: str | None = None,
    most: int = 12,
    sent: Sequence[SentMessage] = (),
) -> list[str]:
    """The newest messages (event_ids, oldest first) of the finding that is `chosen`, else of the first that has any.

    Without a finding all that were `sent`, unless they are more than `most`.
    """
    finding_row = chosen(findings, finding) or next((row for row in findings if row.messages), None)
    if finding_row is not None:
        return list(finding_row.messages)[-most:]
    return [message.event_id for message in sent] if len(sent) <= most else []


@dataclass(frozen=True, slots=True)
class Behind:
    """What is known of a finding beside its own sentence, for other languages.

    `channels`: how many of its messages came over which; none is told apart from the named ones. `causes`: the acts that
    brought it about, the newest first, those of one kind on one thing together. `name`: what the data calls its subject;
    `campaigns`: those of its messages by their names, the newest first. `topic`: the sensitive topic that it, or the rule
    it suggests, is about; `recipients`: how many people got the campaign whose recipients it is about.
    """

    channels: Mapping[str, int] = field(default_factory=dict)
    causes: tuple[Facts, ...] = ()
    name: str | None = None
    campaigns: tuple[str, ...] = ()
    topic: str | None = None
    recipients: int | None = None


def behind(
    events: pl.DataFrame, findings: Iterable[Finding], view: RoleView, audiences: Audiences
) -> dict[str, Behind]:
    """What is known of each finding (by its id) of the customer of `events`, as `view` may be told; `audiences`: who got each campaign."""
    wording, audiences = Wording(undone(events)), audiences if view.tells(sensitive=True) else none()
    return {row.id: _behind(events, row, wording, audiences) for row in findings}


def _behind(events: pl.DataFrame, row: Finding, wording: Wording, audiences: Audiences) -> Behind:
    of_it = events.filter(pl.col("event_id").is_in([*row.messages, *row.cause, *row.evidence]))
    known = {event["event_id"]: event for event in of_it.to_dicts()}
    causes = reasons.grouped(wording, [known[event] for event in reversed(row.cause) if event in known])
    called = (
        event[name]
        for event in reversed(known.values())
        for ident, name in _CALLED.items()
        if event[ident] == row.subject and event[name]
    )
    return Behind(
        channels=Counter(known[event]["channel"] or "" for event in row.messages if event in known),
        causes=tuple(leaf.facts for leaf in causes if leaf.facts is not None),
        name=next(called, None),
        campaigns=tuple(
            dict.fromkeys(
                str(event["campaign_name"] or event["campaign_id"])
                for event in reversed(known.values())
                if event["event_id"] in row.messages and (event["campaign_name"] or event["campaign_id"])
            )
        ),
        topic=_topic(row, known.values(), audiences),
        recipients=audiences.recipients(row.subject or "")
        if check(row.check).subject_names == "audience"
        else None,
    )


def _topic(row: Finding, events: Iterable[Mapping[str, Any]], audiences: Audiences) -> str | None:
    """The sensitive topic that a finding, or the rule it suggests, is about, by what it stands on (`events`)."""
    names = check(row.check).subject_names
    if names == "topic":
        return row.subject
    if names == "audience":
        facts = audiences.sets_apart(row.subject or "", FEWEST)
        return next((fact.topic for fact in facts if fact.sensitive and not fact.is_breadth), None)
    if row.suggested_rule is None or not KINDS[row.suggested_rule["kind"]].reads_causes:
        return None
    return next(filter(None, map(sensitive_topics.topic_of_row, events)), None)


def case_facts(case: Case, finding: Finding | None) -> CaseFacts:
    """The facts of a case and one of its findings; without one, of all its messages."""
    events = case.events
    sent = _sent(events, finding)
    cause = _rows(events, () if finding is None else (*finding.cause, *finding.evidence))
    return CaseFacts(
        sent=sent,
        others=_others(case, finding),
        others_came=_others_came(events, finding, sent),
        opt_out=_opt_out(cause, events),
        purchase=_purchase(_rows(events, finding.cause if finding is not None and finding.messages else ())),
        origin=_origin(cause, case.context.coverage),
        silence=_silence(case, finding, sent),
        legal_request=_legal_request(events),
        bereaved=bool(events.select(vocabulary.life_changed().any()).item()),
    )


def _sent(events: pl.DataFrame, finding: Finding | None) -> tuple[SentMessage, ...]:
    if finding is None:
        rows = messages(events).filter("sent").sort("occurred_at", "event_id").to_dicts()
    else:
        rows = list(_rows(events, finding.messages or finding.evidence))
    said = events.filter(says_no_expr() | pl.col("kind").is_in(OPT_INS))
    acts = with_addresses(said, sent_messages(events)).to_dicts()
    deliveries = () if finding is None or finding.messages else (_ORDER,)
    return tuple(
        SentMessage(
            event_id=row["event_id"],
            at=row["occurred_at"],
            title=_title(row),
            about=_about(row),
            sender=row["sender"],
            system=_system(row["source_name"]),
            channel=row["channel"],
            campaign=_campaign(row),
            marketing=row["kind"] not in deliveries and vocabulary.is_marketing(row["message_class"]),
            refused=vocabulary.no_in_force(acts, row),
            delivery=row["kind"] in deliveries,
        )
        for row in rows
        if row["kind"].startswith("message_") or row["kind"] in deliveries
    )


def _title(row: dict[str, Any]) -> str:
    """The subject of a message, else what its campaign is called; an id is no title to anybody but us."""
    return str(row["subject"] or _campaign(row) or _told(row["item_name"]) or "")


def _campaign(row: dict[str, Any]) -> str | None:
    """The name of its campaign, where that says something to a customer."""
    return None if row["campaign_name"] == row["campaign_id"] else _told(row["campaign_name"])


def _told(name: str | None) -> str | None:
    """A name that says something to a customer: it has more than one word, or nothing but letters."""
    return name if name and (" " in name.strip() or name.isalpha()) else None


def _system(source: str | None) -> str | None:
    """The system a source is, where it bears a name such as `Braze`: that of a file or a table, such as `Amazon sent
    notifications`, tells a customer nothing.
    """
    return None if source is None or any(word.islower() for word in source.split()) else source


def _about(row: dict[str, Any]) -> str | None:
    return _told(row["item_name"]) or (row["category"] or "").rpartition(" > ")[2] or None


def _rows(events: pl.DataFrame, event_ids: Iterable[str]) -> Sequence[dict[str, Any]]:
    """The events of these ids, oldest first."""
    return events.filter(pl.col("event_id").is_in(list(event_ids))).to_dicts()


def _silence(case: Case, finding: Finding | None, sent: Sequence[SentMessage]) -> Silence | None:
    if finding is None:
        return None
    found_by, context = check(finding.check), CheckContext(case.events, case.context)
    event_ids = [message.event_id for message in sent if not message.delivery]
    event_ids += found_by.newest_of_its_kind(context, finding.case, finding.subject)
    return silence_after_finding(case.context, case.events, event_ids, alike=found_by.alike)


def _opt_out(rows: Sequence[dict[str, Any]], events: pl.DataFrame) -> OptOut | None:
    """The oldest no among `rows`: the one that the messages came after."""
    noes = [row for row in rows if row["kind"] in NOES]
    if not noes:
        return None
    row, newest = noes[0], noes[-1]
    return OptOut(
        row["kind"],
        row["occurred_at"],
        sender=row["sender"],
        channel=row["channel"],
        list_id=row["list_id"],
        topics=tuple(topic for topic in row["topics"] or () if topic not in sensitive_topics.titles()),
        newest=newest["occurred_at"],
        renewed=_renewed(newest, events),
    )


def _others(case: Case, finding: Finding | None) -> tuple[datetime, ...]:
    """When messages of other findings came after the same noes, on time or too late."""
    if finding is None or finding.case not in _AFTER_A_NO:
        return ()
    siblings = case.found.filter(
        pl.col("check") == finding.check,
        pl.col("subject").eq_missing(finding.subject),
        pl.col("case").is_in(_AFTER_A_NO),
        pl.col("id") != finding.id,
        pl.col("cause").list.set_intersection(list(finding.cause)).list.len() > 0,
    )
    noes = case.events.filter(pl.col("event_id").is_in(list(finding.cause)))
    rows = case.events.filter(
        pl.col("event_id").is_in(siblings["messages"].explode().to_list()),
        pl.col("occurred_at") >= noes["occurred_at"].min(),
    )
    return tuple(rows["occurred_at"])


def _others_came(events: pl.DataFrame, finding: Finding | None, sent: Sequence[SentMessage]) -> bool:
    """Whether the customer got more over the channels of the messages `sent` than these, from the first of them to the last."""
    if finding is None or not finding.messages or not sent:
        return False
    channels = list({message.channel for message in sent})
    times = {"first": min(finding.first, sent[0].at), "last": max(finding.last, sent[-1].at)}
    came = sent_messages(events).filter(
        pl.col("occurred_at").is_between(pl.lit(times["first"]), pl.lit(times["last"])),
        pl.col("channel").is_in(channels, nulls_equal=True),
    )
    return came.height > max(finding.total, len(sent))


def _renewed(no: dict[str, Any], events: pl.DataFrame) -> datetime | None:
    """When the customer said yes again to what a no was about."""
    about_the_same = pl.all_horizontal(
        pl.col(name).is_null() | pl.lit(no[name] is None) | (pl.col(name) == pl.lit(no[name]))
        for name in ("channel", "sender", "list_id")
    )
    yes = events.filter(
        pl.col("kind").is_in(OPT_INS), pl.col("occurred_at") > no["occurred_at"], about_the_same
    )
    return yes["occurred_at"].to_list()[-1] if yes.height else None


def _purchase(rows: Sequence[dict[str, Any]]) -> Purchase | None:
    orders = sorted(
        (row for row in rows if row["kind"] == _ORDER), key=lambda row: row["source"] == "inferred"
    )
    named = ((row, _about(row)) for row in orders)
    return next(
        (Purchase(about, row["occurred_at"], row["source"] == "inferred") for row, about in named if about),
        None,
    )


def _origin(rows: Sequence[dict[str, Any]], coverage: Coverage) -> Origin | None:
    row = next((row for row in rows if row["source"] == "third_party"), None)
    if row is None:
        return None
    covered, _ = data_sufficiency.of_a_message(coverage, row["occurred_at"])
    return Origin(row["occurred_at"], row["source_name"], row["kind"] == "segment_snapshot", covered)


def _legal_request(events: pl.DataFrame) -> datetime | None:
    """When the customer asked for their data or its erasure, where that has not been answered."""
    requests = events.filter(pl.col("kind").is_in([*_LEGAL_REQUESTS, "request_answered"]))
    if requests.is_empty() or requests["kind"][-1] == "request_answered":
        return None
    at: datetime = requests["occurred_at"][-1]
    return at
