"""Who said no to what, from the contract's text alone: `python -m tests.bench.said_no --decisions 200000 [--seed N]`.

A reference in plain Python, slow, that shares nothing with the program, over random histories: noes and yeses to a channel, a
sender, a list or topics, complaints about messages that are known and that are not, opt-outs and complaints by machines, ties,
repeated rows, fields that are missing. With it are compared every decision of the replay (reference and kernel), of the live
replay (its sums), of the gate, of the check after-opt-out and of the list that is handed over. Prints how many decisions
were compared and every difference; exit code 1 if there is one.
"""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from audit import findings
from audit.enforcement.gate.decider import Gate
from audit.enforcement.handover import suppressed
from audit.events.schema import SCHEMA, conform, in_order
from audit.events.vocabulary import Scope
from audit.rules.model import from_dict
from audit.rules.reference import histories
from audit.rules.reference.history import Act, Message
from audit.rules.replay import simulation
from audit.rules.replay.interactive_replay import PreparedReplay
from audit.rules.scopes import RuleSet
from tests.bench.differential import count_facts
from tests.build import context

Row = dict[str, Any]

NOES = ("unsubscribed", "objected", "consent_withdrawn")
YESES = ("subscribed", "consent_given")
GRACES = {"0d": timedelta(), "30m": timedelta(minutes=30), "6h": timedelta(hours=6), "2d": timedelta(days=2)}
STEPS = (
    timedelta(0), timedelta(microseconds=1), timedelta(minutes=30), timedelta(hours=6), timedelta(days=2),
    timedelta(days=1), timedelta(days=5),
)  # fmt: skip
SENT = ("breach", "queued_before", "before_known", "within_grace", "maybe_machine")
"""Cases of after-opt-out of marketing that a no in force bears on."""


# -- the contract's text ------------------------------------------------------------------------------------------------


def place(row: Row) -> tuple[datetime, str]:
    """Order is by time, then event_id as text, everywhere."""
    return row["occurred_at"], row["event_id"]


def standing(rows: Sequence[Row]) -> list[Row]:
    """The message_sent events, once a message_id: the first row in order stands for it; one without an id is its own."""
    found: dict[str, Row] = {}
    for row in sorted(rows, key=place):
        if row["kind"] == "message_sent":
            found.setdefault(row["message_id"] or f"event:{row['event_id']}", row)
    return list(found.values())


@dataclass(frozen=True)
class Said:
    """A no or a yes, with what it is about."""

    row: Row
    no: bool
    channel: str | None
    sender: str | None
    list_id: str | None

    def agrees(self, message: Row) -> bool:
        """All but the list: channel and sender absent or the message's own, topics absent or shared."""
        if self.channel is not None and self.channel != message["channel"]:
            return False
        if self.sender is not None and self.sender != message["sender"]:
            return False
        topics = self.row["topics"] or []
        return not topics or any(topic in (message["topics"] or []) for topic in topics)

    def bears_on(self, message: Row) -> bool:
        return self.agrees(message) and (self.list_id is None or self.list_id == message["list_id"])


def said(rows: Sequence[Row]) -> list[Said]:
    """The acts, in order. A complaint has the channel and sender of its message, and no list."""
    of = {row["message_id"]: row for row in standing(rows) if row["message_id"] is not None}
    acts = []
    for row in sorted(rows, key=place):
        if row["kind"] in NOES or row["kind"] in YESES:
            acts.append(Said(row, row["kind"] in NOES, row["channel"], row["sender"], row["list_id"]))
        elif row["kind"] == "message_complained" and row["machine"] is not True:
            message = of.get(row["message_id"], row)
            acts.append(Said(row, True, message["channel"], message["sender"], None))
    return acts


def refused(acts: Sequence[Said], message: Row, grace: timedelta) -> str | None:
    """The oldest no in force, if one lies at or before t − grace and no yes came later than it."""
    before = [act for act in acts if place(act.row) < place(message) and act.bears_on(message)]
    standing_noes = [
        act
        for act in before
        if act.no and not any(not yes.no and place(yes.row) > place(act.row) for yes in before)
    ]
    if any(act.row["occurred_at"] <= message["occurred_at"] - grace for act in standing_noes):
        return str(standing_noes[0].row["event_id"])
    return None


def cannot_tell(acts: Sequence[Said], message: Row) -> bool:
    """On a message without a list, an act with one that agrees otherwise lies before it."""
    return message["list_id"] is None and any(
        act.list_id is not None and act.agrees(message) and place(act.row) < place(message) for act in acts
    )


@dataclass(frozen=True)
class Answer:
    """What is decided of a message."""

    decision: str
    failing: tuple[str, ...]
    counted: tuple[str, ...]
    cannot_tell: tuple[str, ...]


def decided(rows: Sequence[Row], rules: Sequence[Row]) -> dict[str, Answer]:
    """event_id → the answer, of one customer's messages. All rules are consents."""
    acts, answers = said(rows), {}
    classes = {name for rule in rules for name in rule["message_classes"]}
    for message in standing(rows):
        its_class = message["message_class"] or "marketing"
        if its_class not in classes:
            answers[message["event_id"]] = Answer("exempt", (), (), ())
            continue
        applying = [
            rule
            for rule in rules
            if its_class in rule["message_classes"]
            and (not rule["channels"] or message["channel"] in rule["channels"])
        ]
        failing = [
            (rule["id"], no)
            for rule in applying
            if (no := refused(acts, message, GRACES[rule["grace"]])) is not None
        ]
        untold = cannot_tell(acts, message)
        answers[message["event_id"]] = Answer(
            "stop" if failing else "allow",
            tuple(rule_id for rule_id, _ in failing),
            (failing[0][1],) if failing else (),
            tuple(rule["id"] for rule in applying if untold),
        )
    return answers


# -- random histories ---------------------------------------------------------------------------------------------------


def history(dice: random.Random, customer: str) -> list[Row]:
    """The events of one customer, in no order."""
    at, rows = datetime(2026, 3, 1, tzinfo=UTC), []
    for number in range(dice.choice((2, 6, 12, 25))):
        at += dice.choice(STEPS)
        name = f"{dice.choice('ab~é')}{dice.randrange(10**6)}.{number}"
        row = _row(dice, customer, at, name)
        known = [one for one in rows if one["kind"] == "message_sent" and one["occurred_at"] < at]
        if row["kind"] == "message_complained" and known and dice.random() < 0.8:
            row["message_id"] = dice.choice(known)["message_id"]
        if row["kind"] == "message_sent" and known and dice.random() < 0.1:
            row["message_id"] = dice.choice(known)["message_id"]
        rows.append(row)
    dice.shuffle(rows)
    return rows


def _row(dice: random.Random, customer: str, at: datetime, event_id: str) -> Row:
    acts = (
        *NOES,
        "unsubscribed",
        *YESES,
        "subscribed",
        "message_complained",
        "message_complained",
        "message_clicked",
    )
    kind = "message_sent" if dice.random() < 0.5 else dice.choice(acts)
    return {
        "event_id": event_id,
        "customer_id": customer,
        "occurred_at": at,
        "kind": kind,
        "message_id": f"m{event_id}" if kind != "message_complained" and dice.random() < 0.8 else None,
        "channel": dice.choice(("email", "email", "sms", None)),
        "message_class": dice.choice(("marketing", "marketing", None, "transactional", "service")),
        "sender": dice.choice(("Sport", "Books", None, None)),
        "list_id": dice.choice(("A", "B", None)),
        "topics": dice.choice((None, None, [], ["x"], ["x", "y"], ["z"])),
        "machine": dice.choice((None, None, None, False, True)),
    }


def rules(dice: random.Random) -> list[Row]:
    """One to three consents; the first is about all marketing at once."""
    first = {"id": "r0", "grace": "0d", "channels": [], "message_classes": ["marketing"]}
    others = [
        {
            "id": f"r{number}",
            "grace": dice.choice(list(GRACES)),
            "channels": dice.choice(([], ["email"], ["sms", "email"])),
            "message_classes": dice.choice((["marketing"], ["marketing", "service"], ["transactional"])),
        }
        for number in range(1, dice.choice((1, 2, 3)))
    ]
    return [{"kind": "consent", **rule} for rule in (first, *others)]


# -- the program's answers ----------------------------------------------------------------------------------------------


def differences(seed: int, customers: int = 40) -> tuple[int, list[str]]:
    """How many decisions were compared on the histories of one seed, and what differs."""
    dice = random.Random(seed)
    people = {name: history(dice, name) for name in (f"c{number:04}" for number in range(customers))}
    documents = rules(dice)
    expected = {name: decided(rows, documents) for name, rows in people.items()}
    rows = [row for own in people.values() for row in own]
    events = in_order(conform(pl.DataFrame(rows, schema={name: SCHEMA[name] for name in rows[0]})))
    found = [
        *_of_replay(events, documents, expected),
        *_of_live_replay(events, documents, expected),
        *_of_gate(people, documents, expected),
        *_of_check(events, people),
        *_of_handover(events, people),
    ]
    return sum(map(len, expected.values())), found


def _of_replay(
    events: pl.DataFrame, documents: Sequence[Row], expected: dict[str, dict[str, Answer]]
) -> Iterator[str]:
    facts, rule_set = count_facts(events.lazy()), RuleSet([from_dict(rule) for rule in documents])
    for compiled in (False, True):
        made = simulation.decide(histories.sent(events), events, rule_set, facts, compiled=compiled)
        for row in made.iter_rows(named=True):
            answer = Answer(
                *(_tuple(row[name]) for name in ("decision", "failing_rules", "counted", "cannot_tell"))
            )
            if answer != expected[row["customer_id"]].get(row["event_id"]):
                yield f"{'kernel' if compiled else 'replay'}: {row['event_id']} {answer}"
        if made.height != sum(map(len, expected.values())):
            yield f"{'kernel' if compiled else 'replay'}: {made.height} messages"


def _of_live_replay(
    events: pl.DataFrame, documents: Sequence[Row], expected: dict[str, dict[str, Answer]]
) -> Iterator[str]:
    rule_set = RuleSet([from_dict(rule) for rule in documents])
    made = PreparedReplay.of(events, context(events)).replay(rule_set).sums.by_rule
    answers = [answer for of_customer in expected.values() for answer in of_customer.values()]
    deciding = Counter(answer.failing[0] for answer in answers if answer.failing)
    if {name: n for name, n in made.items() if n} != dict(deciding):
        yield f"live replay: {made} instead of {dict(deciding)}"


def _of_gate(
    people: dict[str, list[Row]], documents: Sequence[Row], expected: dict[str, dict[str, Answer]]
) -> Iterator[str]:
    gate = Gate([from_dict(rule) for rule in documents])
    for customer, rows in people.items():
        for row in sorted(rows, key=place):
            key = row["message_id"] or f"event:{row['event_id']}"
            fields = {**row, "at": row["occurred_at"], "message_key": key}
            if row["kind"] != "message_sent":
                gate.note(customer, Act(**{name: fields.get(name) for name in Act._fields}))
                continue
            message = Message(**{name: fields.get(name) for name in Message._fields})
            made, new = gate.ask(customer, message, key=key)
            answer = Answer(
                made.decision, tuple(made.failing_rules), tuple(made.counted), tuple(made.cannot_tell)
            )
            if new and answer != expected[customer].get(row["event_id"]):
                yield f"gate: {row['event_id']} {answer}"


def _of_check(events: pl.DataFrame, people: dict[str, list[Row]]) -> Iterator[str]:
    """Marketing after a no that bears on it, whatever the case that it is told as."""
    told = findings.find(events, context(events), checks=["after-opt-out"])
    of_customer: dict[str, set[str]] = {name: set() for name in people}
    for customer, messages in (
        told.filter(pl.col("case").is_in(SENT)).select("customer", "messages").iter_rows()
    ):
        of_customer[customer].update(messages)
    rule = {"id": "r", "grace": "0d", "channels": [], "message_classes": ["marketing"]}
    for customer, rows in people.items():
        stopped = {name for name, answer in decided(rows, [rule]).items() if answer.decision == "stop"}
        if stopped != of_customer[customer]:
            yield f"check: {customer} {sorted(stopped ^ of_customer[customer])}"


def _of_handover(events: pl.DataFrame, people: dict[str, list[Row]]) -> Iterator[str]:
    """Of each marketing message that somebody got: whether one like it would be stopped now, and is named as such."""
    at = events["occurred_at"].max()
    rule = from_dict({"id": "r", "kind": "consent"})
    rows = suppressed(events, [rule], count_facts(events.lazy()), at)
    for customer, own in people.items():
        own_rows = [row for row in rows if row.customer == customer]
        parts = {row.about for row in own_rows if row.part}
        whole = {row.about: row.but for row in own_rows if not row.part}
        acts = said(own)
        for message in standing(own):
            if (message["message_class"] or "marketing") != "marketing":
                continue
            again = {**message, "event_id": "\U0010ffff", "occurred_at": at}
            names = (again["sender"], again["list_id"], ", ".join(again["topics"] or ()))
            of_part = (again["channel"], *(names if any(names) else ("no sender, list or topic",)))
            channel = again["channel"] or ""
            is_named = channel in whole and not any(goes_on(part, again) for part in whole[channel])
            is_named |= " · ".join(filter(None, of_part)) in parts
            if is_named != (refused(acts, again, timedelta()) is not None):
                yield f"handover: {customer} {message['event_id']} {'is' if is_named else 'is not'} named"


def goes_on(part: Scope, message: Row) -> bool:
    """Whether a message is of what a handed-over row leaves open."""
    named = ((part.sender, message["sender"]), (part.list_id, message["list_id"]))
    shared = not part.topics or set(part.topics) & set(message["topics"] or ())
    return bool(shared) and all(name is None or name == own for name, own in named)


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def main() -> int:
    """Compare until enough decisions were made."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--decisions", type=int, default=200_000)
    parser.add_argument(
        "--seed", type=int, default=1, help="of the first histories; each next one is one higher"
    )
    parser.add_argument("--customers", type=int, default=200, help="of each seed")
    asked = parser.parse_args()
    done, seeds, wrong = 0, 0, 0
    while done < asked.decisions:
        number, found = differences(asked.seed + seeds, asked.customers)
        for one in found:
            print(f"seed {asked.seed + seeds}: {one}")
        done, seeds, wrong = done + number, seeds + 1, wrong + len(found)
    print(f"{done:,} decisions on the histories of {seeds} seeds: {wrong} differences")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
