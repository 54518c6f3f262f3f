"""Handing over: whom the rules suppress now, and what to set where no list is taken, for the system that sends.

An export is approved where the workspace asks for a second person, logged, only then read from the vault, and written.
Its formats are tables that are safe to open, a document, and sentences.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from audit.errors import InputError, NotPermittedError
from audit.events.document import Document
from audit.events.times import iso
from audit.events.vocabulary import Scope
from audit.population.stats import Facts
from audit.privacy import roles
from audit.privacy.role_view import RoleView
from audit.privacy.roles import Reach, Viewer
from audit.queries.case import named_in
from audit.rules.book import Proposal, Request
from audit.rules.book.proposals import APPROVED, PROPOSED
from audit.rules.describe import sentence
from audit.rules.kinds.consent import named
from audit.rules.model import NextMessage, Rule, to_dict
from audit.rules.reference import histories
from audit.rules.reference.history import LAST_ID, Evaluator, History, Message
from audit.rules.scopes import RuleSet, class_of, in_scope, per_values, valid
from audit.workspace.names_told import speaks_of_rule

if TYPE_CHECKING:
    from audit.privacy.log import Entry
    from audit.workspace.workspace import Workspace

FORMATS = ("csv", "json", "braze", "klaviyo")
"""`braze`: the column of its CSV import for people it knows already, `external_id` alone
(https://www.braze.com/docs/user_guide/data/unification/user_data/import_users/csv/): they become a segment to leave out.
`klaviyo`: the column that it takes for people, with the header `Email` alone
(https://help.klaviyo.com/hc/en-us/articles/115005073867)."""

BY_EMAIL = ("klaviyo",)
"""Those that name people by their e-mail addresses."""

BY_NAME_ALONE = ("braze", "klaviyo")
"""Those that say of nobody what they get no more."""

UNAPPROVED = (
    "handover: this workspace asks for a second person, and nobody approved this export; "
    "ask for it with `whysent rules handover --out FILE`, and let somebody else approve it"
)

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula at the beginning of a cell."""

ACT = "handover"
"""What the log calls an export before the ids are read; `handover_made` with what was written follows it."""


# -- whom the rules suppress ------------------------------------------------------------------------------------


class Suppressed(NamedTuple):
    """`customer` (a pseudonym) gets nothing that `rule` judges before `until` (None: nothing ends it).

    `about`: what the messages are about or go by, where the rule tells them apart: a channel, a category, an item ...
    `channel`: the one that it is limited to by that; None: every channel of the rule. `part`: it is about a sender, list or
    topic alone, and other messages of the channel go on. `but`: what of the channel goes on all the same.
    """

    customer: str
    rule: str
    about: str
    until: datetime | None
    channel: str | None = None
    part: bool = False
    but: tuple[Scope, ...] = ()


def suppressed(
    events: pl.DataFrame,
    rules: Iterable[Rule],
    facts: Facts,
    at: datetime,
    *,
    ids: Mapping[str, str] | None = None,
) -> list[Suppressed]:
    """Whom each of `rules` suppresses at `at`: events later than that are left out. In the order of customers and rules.

    `events`: whole customers in order. `ids`: the source's own customer ids → pseudonyms. Everything that went out counts,
    as it does for the gate. A rule that looks at the clock alone suppresses nobody in particular and is left out; so is one
    that asks what brought a message about.
    """
    past = events.filter(pl.col("occurred_at") <= at)
    rule_set = RuleSet(rules, ids)
    about_people = [
        (number, rule)
        for number, rule in enumerate(rule_set.rules)
        if rule.suppresses == "people" and valid(rule, at)
    ]
    customers = histories.histories(histories.sent(past), past, rule_set.rules, facts, everybody=True)
    rows = [
        row
        for history in customers
        for number, rule in about_people
        if number in rule_set.about(history.customer)
        for row in _suppressed_by(rule, history, at)
    ]
    return sorted(rows, key=attrgetter("customer"))


def _suppressed_by(rule: Rule, history: History, at: datetime) -> Iterator[Suppressed]:
    evaluator = _informed(history, rule)
    for about, message, part, but in rule.next_messages(history, at) or _like_those_before(history, rule, at):
        if evaluator.blocking(message, at) is not None:
            until = evaluator.earliest_pass(message, at, at)
            if rule.valid_until and (until is None or until > rule.valid_until):
                until = rule.valid_until
            channel = message.channel if rule.apart_by_channel else None
            yield Suppressed(history.customer, rule.id, about, until, channel, part=part, but=but)


def _informed(history: History, rule: Rule) -> Evaluator:
    """An evaluator that has seen everything that went out."""
    evaluator = rule.evaluator(history)
    for message in history.messages:
        counts = rule.counts_other_classes or class_of(message) in rule.message_classes
        if rule.counts and counts and in_scope(rule, message) and valid(rule, message.at):
            evaluator.record_sent(message, message.at)
    return evaluator


def _like_those_before(history: History, rule: Rule, at: datetime) -> Iterator[NextMessage]:
    """The newest messages of each sort that the rule tells apart, as if they came again at `at`, and what they go by."""
    newest: dict[tuple[str | None, ...], Message] = {}
    for message in history.messages:
        if class_of(message) in rule.message_classes and in_scope(rule, message):
            sort = per_values(rule, message) if rule.counts else (message.channel,)
            newest[sort] = message
    for sort, message in newest.items():
        about = " · ".join(value or "" for value in sort)
        yield NextMessage(about, message._replace(event_id=LAST_ID, at=at))


# -- the export ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Handover:
    """What was handed over: the `text` of the file, and how many `people` are in it.

    `withheld`: rows left out as they are about a sensitive topic; `narrower`: people left out of a list that cannot say so,
    as they get other messages of the channel; `wider`: people in it though they said yes to a part; `nameless`: people left out as the vault has no e-mail
    address of theirs; `altered`: cells that got a `'` before them.
    """

    text: str
    people: int
    withheld: int
    narrower: int
    wider: int
    nameless: int
    altered: int


def approval(
    ws: "Workspace", rules: Sequence[Rule], form: str, *, viewer: Viewer, actor: str | None = None
) -> Proposal | None:
    """Where the workspace asks for a second person: the approved or waiting proposal of `actor` for this export.

    Asked for here where there is none. None where nobody else has to approve. Raises as `hand_over`.
    """
    permit(viewer, form)
    book, who, request = ws.book, actor or roles.current_user(), _request(rules, form)
    if ACT not in book.second_person():
        return None
    proposals = [
        proposal
        for proposal in book.inbox.proposals((APPROVED, PROPOSED))
        if proposal.request == request and proposal.author == who
    ]
    if proposals:
        return min(proposals, key=lambda proposal: proposal.state != APPROVED)
    return book.inbox.ask_handover(request, author=who)


def permit(viewer: Viewer, form: str) -> None:
    """Raises NotPermittedError for a role that may not hand over in this format, InputError for none of them."""
    viewer.require("handover")
    if form not in FORMATS:
        raise InputError(f"--format {form}: one of {', '.join((*FORMATS, 'words'))}")
    if form in BY_EMAIL and viewer.reach("reveal") is not Reach.ALL:
        raise NotPermittedError(
            f"--format {form} names people by their e-mail addresses: that takes a role that may reveal them too, admin; "
            "csv and braze go by the source's own ids"
        )


def hand_over(
    ws: "Workspace",
    rules: Sequence[Rule],
    form: str,
    *,
    viewer: Viewer,
    approved: Proposal | None = None,
    actor: str | None = None,
) -> Handover:
    """Whom `rules` suppress at the workspace's moment, in one of `FORMATS`.

    The log says who, which rules, how many people and in which format before an id is read, and the file's SHA-256
    afterwards. Raises NotPermittedError for a role that may not, or without the `approved` proposal where the workspace
    asks for it; InputError for another format.
    """
    permit(viewer, form)
    request = _request(rules, form)
    who = actor or roles.current_user()
    if ACT in ws.book.second_person():
        if approved is None:
            raise NotPermittedError(UNAPPROVED)
        ws.book.inbox.use(approved.number, request, actor=who)
    nameable, rows, withheld = _people(ws, rules, ws.at, viewer)
    if form in BY_EMAIL:
        rows = _about_email(rows, nameable)
    everyone = {row.customer for row in rows}
    if form in BY_NAME_ALONE:
        rows = [row for row in rows if not row.part]
    logged = _log(ws, request, rows, approved, who)
    names = _names(ws, form, rows, logged)
    by_name = sorted(
        (row._replace(customer=name) for row in rows for name in names.get(row.customer, ())),
        key=lambda row: row[:3],
    )
    text = write(by_name, nameable, ws.at, form)
    data = text.encode()
    details = {"of": logged.seq, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    ws.log.append(f"{ACT}_made", logged.subject, details, actor=who)
    people = {row.customer for row in rows}
    return Handover(
        text,
        people=len(people & set(names)),
        withheld=withheld,
        narrower=len(everyone - people),
        wider=len({row.customer for row in rows if row.but} & set(names)) if form in BY_NAME_ALONE else 0,
        nameless=len(people - set(names)),
        altered=0 if form == "json" else len({row.customer for row in by_name if is_formula(row.customer)}),
    )


def _request(rules: Sequence[Rule], form: str) -> Request:
    """What an approval is given for: the format, and the rules with their versions."""
    return Request(form, tuple((rule.id, rule.version or 0) for rule in rules))


def _people(
    ws: "Workspace", rules: Sequence[Rule], at: datetime, viewer: Viewer
) -> tuple[list[Rule], list[Suppressed], int]:
    """The rules that may be named to `viewer`, whom they suppress, by pseudonym, and how many rows were left out."""
    events = ws.events(at)
    view = RoleView(names_sensitive=viewer.names_sensitive)
    view.learn(events)
    nameable = [rule for rule in rules if not speaks_of_rule(view, rule)]
    ids = {rule.id for rule in nameable}
    rows = suppressed(events, rules, ws.facts(), at, ids=named_in(ws, rules))
    allowed = [
        row for row in rows if row.rule in ids and view.shown((row.about, row.but)) == (row.about, row.but)
    ]
    return nameable, allowed, len(rows) - len(allowed)


def _about_email(rows: Sequence[Suppressed], rules: Sequence[Rule]) -> list[Suppressed]:
    """Those that are about e-mail, or about every channel."""
    of_email = {rule.id for rule in rules if not rule.channels or "email" in rule.channels}
    return [row for row in rows if row.rule in of_email and row.channel in {None, "email"}]


def _log(
    ws: "Workspace", request: Request, rows: Sequence[Suppressed], approved: Proposal | None, who: str
) -> "Entry":
    details = {
        "format": request.format,
        "rules": [{"id": rule_id, "version": version} for rule_id, version in request.rules],
        "as_of": iso(ws.at),
        "people": len({row.customer for row in rows}),
        "reveals": ["email"] if request.format in BY_EMAIL else ["source_id"],
        "proposal": approved.id if approved else None,
        "approved_by": approved.steps[-1].actor if approved else None,
    }
    return ws.log.append(ACT, ", ".join(rule_id for rule_id, _ in request.rules), details, actor=who)


def _names(
    ws: "Workspace", form: str, rows: Sequence[Suppressed], logged: "Entry"
) -> dict[str, tuple[str, ...]]:
    """What each customer is handed over as: the source's own ids, or every e-mail address."""
    persons = ws.persons()
    ids = {row.customer: persons.ids(row.customer) for row in rows}
    pseudonyms = {name for names in ids.values() for name in names}
    if form in BY_EMAIL:
        clear = ws.vault.revealed("email", pseudonyms, logged=logged)
    else:
        clear = {name: (source_id,) for name, source_id in ws.vault.source_ids(pseudonyms).items()}
    values = {
        customer: dict.fromkeys(value for name in names for value in clear.get(name, ()))
        for customer, names in ids.items()
    }
    return {customer: tuple(values[customer]) for customer in ids if values[customer]}


# -- the formats ----------------------------------------------------------------------------------------------


def write(rows: Sequence[Suppressed], rules: Iterable[Rule], at: datetime, form: str) -> str:
    """What is handed over, `customer` of `rows` being what the sender knows them by."""
    if form == "json":
        return json.dumps(document(rows, rules, at).to_json(), ensure_ascii=False, indent=2) + "\n"
    if form == "csv":
        cells = [(row.customer, row.rule, _about(row), iso(row.until) or "") for row in rows]
        return _csv([("customer_id", "rule", "about", "until"), *cells])
    head = "external_id" if form == "braze" else "Email"
    return _csv([(head,), *((name,) for name in dict.fromkeys(row.customer for row in rows))])


def _about(row: Suppressed) -> str:
    """`email`, or `email, all but list-b`."""
    return f"{row.about}, all but {', '.join(map(named, row.but))}" if row.but else row.about


class SuppressedPerson(Document):
    """Somebody to whom the next message would not go."""

    customer: str
    """The source's own id."""
    rule: str
    about: str | None
    """What the rule tells apart, such as a channel or a category."""
    until: datetime | None
    """Null: nothing ends it."""
    but: tuple[str, ...]
    """The senders, lists and topics that go on all the same, as a later yes named them."""


class HandoverDocument(Document, schema="whysent.handover/1"):
    """Whom the rules suppress, for the system that sends."""

    at: datetime
    rules: tuple[Mapping[str, Any], ...]
    """Each as in a rule file, with `version` and `words`."""
    people: tuple[SuppressedPerson, ...]


def document(rows: Iterable[Suppressed], rules: Iterable[Rule], at: datetime) -> HandoverDocument:
    """The active set as in a rule file and in words, and the people."""
    return HandoverDocument(
        at=at,
        rules=tuple({**to_dict(rule), "version": rule.version, "words": sentence(rule)} for rule in rules),
        people=tuple(
            SuppressedPerson(
                customer=row.customer,
                rule=row.rule,
                about=row.about or None,
                until=row.until,
                but=tuple(map(named, row.but)),
            )
            for row in rows
        ),
    )


def in_words(rules: Iterable[Rule]) -> str:
    """A line a rule: what to enter where the sender has a setting for it and takes no list."""
    return "".join(f"{rule.id} (v{rule.version}): {sentence(rule)}\n" for rule in rules)


def is_formula(cell: str) -> bool:
    """Whether a spreadsheet would take a cell for a formula."""
    return cell.startswith(_FORMULA)


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: what would begin one gets a `'` before it."""
    return f"'{cell}" if is_formula(cell) else cell


def _csv(rows: Iterable[Sequence[str]]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="\n").writerows([harmless(cell) for cell in row] for row in rows)
    return file.getvalue()
