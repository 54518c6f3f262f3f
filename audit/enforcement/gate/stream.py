"""The gate on a workspace: lines in, answers out, with a record that survives.

    with gate.opened(ws, rules) as opened:
        for line in lines:
            print(opened.answer(line))

It begins with the past of the workspace, all of which went out, and with what its record holds. Customers come by
the source's own ids (or pseudonyms); what stands in the record is pseudonyms.
"""

import base64
import binascii
import json
import secrets
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from audit.enforcement.gate.decider import Gate, GateDecision
from audit.enforcement.gate.reader import Line, Reader
from audit.enforcement.gate.record import Record, compact, entry, read_head
from audit.errors import InputError, WorkspaceError
from audit.events.times import parse_iso
from audit.events.vocabulary import is_human
from audit.flows import campaign_map
from audit.queries.case import named_in
from audit.rules.kinds.sunset import ENGAGEMENT
from audit.rules.model import Rule
from audit.rules.reference import histories
from audit.rules.reference.history import Act

if TYPE_CHECKING:
    from audit.privacy.vault import Vault
    from audit.workspace.workspace import Workspace

FOLDER = "gate"
"""Where in a workspace the record lies."""

_NOTED = b'{"noted":true}'
_RESPONSES = frozenset(ENGAGEMENT.values())
_WIDE = ("attributes", "query", "subject")
"""Columns of the workspace's events that no rule reads."""


@contextmanager
def opened(ws: "Workspace", rules: Iterable[Rule]) -> Iterator["Stream"]:
    """The gate of `ws` under `rules`. Raises WorkspaceError if another one runs, or its record cannot be used."""
    people = _People(ws)
    with Record.open(ws.path / FOLDER, people.settle) as record:
        active = list(rules)
        gate = _with_past(ws, active)
        stream = Stream(gate, people, record, _reader(ws), active)
        stream.restore()
        gate.forget()
        record.compact_with(stream.needs)
        yield stream


class Stream:
    """Answers lines; each is in the record before its answer is given back."""

    def __init__(
        self, gate: Gate, people: "_People", record: Record, reader: Reader, rules: Sequence[Rule]
    ) -> None:
        self.gate = gate
        self._people, self._record, self._reader = people, record, reader
        self._customers_in_rules = {
            customer for rule in rules for customer in (*rule.customers, *rule.except_customers)
        }
        self._names: Mapping[str, str] = {}
        self._responses: set[tuple[str | None, str | None]] = set()

    def answer(self, line: bytes | str | Mapping[str, Any]) -> dict[str, Any]:
        """The answer to one line, or to its columns as a mapping."""
        text = (
            line
            if isinstance(line, bytes)
            else (line if isinstance(line, str) else json.dumps(line)).encode()
        )
        document: dict[str, Any] = json.loads(self.answers([text]))
        return document

    def answers(self, lines: Iterable[bytes]) -> str:
        """A line of JSON for each of `lines`, in order. Raises WorkspaceError if the record cannot be written."""
        answers: list[bytes] = []
        entries: list[bytes] = []
        for line in lines:
            try:
                answers.append(self._answered(line, entries))
            except InputError as error:
                answers.append(json.dumps({"error": str(error)}).encode("ascii"))
        if entries:
            self._record.append(b"".join(entries))
        answers.append(b"")  # so that the last one ends too
        return b"\n".join(answers).decode("ascii")

    def _answered(self, line: bytes, entries: list[bytes]) -> bytes:
        parsed = self._reader.read(line)
        customer, sealed = self._people.of(parsed.customer)
        if sealed is not None:
            entries.append(b'{"customer_id":"%b","sealed":"%b"}\n' % (customer.encode(), sealed))
            if parsed.customer in self._customers_in_rules:
                self.gate.learn(parsed.customer, customer)
        event = parsed.event
        if isinstance(event, Act):
            if self.gate.note(customer, event, time_zone=parsed.shape.time_zone):
                entries.append(entry(self._with_channel(parsed, customer, event), customer))
            return _NOTED
        answer, new = self.gate.ask(customer, event, key=parsed.key)
        text = compact(answer)
        if new:
            entries.append(entry(parsed, customer, text))
        return text

    def _with_channel(self, parsed: Line, customer: str, act: Act) -> Line:
        """A response that names no channel has that of its message: the record may let go of the message before it."""
        channel = self.gate.channel_of(customer, act) if act.kind in _RESPONSES else act.channel
        if channel == act.channel:
            return parsed
        row = json.loads(b"{%b}" % parsed.shape.text[1:])
        return msgspec.structs.replace(parsed, shape=self._reader.shape({**row, "channel": channel}))

    def needs(self, line: bytes) -> bool:
        """Whether a line of the record may be asked for yet: by a rule, or by whoever repeats it.

        Of the responses of each kind and channel one stays: it shows that there are any. So does who was new.
        """
        head = read_head(line)
        if head.sealed is not None:
            return True
        response = (head.kind, head.channel)
        if head.kind in _RESPONSES and is_human(head.machine) and response not in self._responses:
            self._responses.add(response)
            return True
        customer = self._names.get(head.customer_id, head.customer_id)
        return self.gate.remembers(customer, head.event_id if head.answer is None else head.key)

    def restore(self) -> None:
        """Take in what the record holds. Raises WorkspaceError if a line of it is damaged."""
        sealed: dict[str, str] = {}
        rows: list[dict[str, Any]] = []
        for number, line in enumerate(self._record.lines(), start=1):
            try:
                row = json.loads(line)
                if "sealed" in row:
                    sealed[row["customer_id"]] = row["sealed"]
                else:
                    rows.append(row)
            except (ValueError, TypeError) as error:
                raise self._record.damaged(number) from error
        names = self._names = self._people.unsealed(sealed)
        for number, row in enumerate(rows, start=1):
            try:
                self._restored({**row, "customer_id": names.get(row["customer_id"], row["customer_id"])})
            except (InputError, KeyError, TypeError, msgspec.ValidationError) as error:
                raise self._record.damaged(number) from error

    def _restored(self, row: dict[str, Any]) -> None:
        customer, key = row["customer_id"], row["key"]
        at = parse_iso(row["occurred_at"])
        shape = self._reader.shape(row)
        event = shape.event(row["event_id"], at, key)
        if isinstance(event, Act):
            self.gate.restore_note(customer, event, time_zone=shape.time_zone)
            return
        answer = msgspec.convert(row["answer"], GateDecision)
        self.gate.restore(customer, event, key=key, answer=answer)


class _People:
    """Source ids to pseudonyms; a new one is made at once, and put in the vault a moment later."""

    def __init__(self, ws: "Workspace") -> None:
        from audit.privacy.vault import random_pseudonym

        self._vault: Vault = ws.vault
        self._new_pseudonym = random_pseudonym
        self._persons = ws.persons().of
        self._index: dict[bytes, str] = {}
        self._pseudonyms: dict[str, str] = {}
        self._learn()
        self._new: dict[str, str] = {}
        self._lock = threading.Lock()

    def of(self, source_id: str) -> tuple[str, bytes | None]:
        """The pseudonym; for somebody new also the source id, sealed."""
        name = self._pseudonyms.get(source_id)
        if name is not None:
            return name, None
        token = self._vault.source_token(source_id)
        name = self._index.get(token)
        if name is not None:
            self._pseudonyms[source_id] = name
            return name, None
        name = self._new_pseudonym(source_id)
        while name in self._pseudonyms:
            name = self._new_pseudonym(source_id)
        self._index[token] = self._pseudonyms[source_id] = self._pseudonyms[name] = name
        with self._lock:
            self._new[source_id] = name
        return name, base64.b64encode(self._vault.seal(source_id.encode()))

    def settle(self) -> None:
        """Put new customers in the vault; where that is not possible now, they wait."""
        with self._lock:
            new = dict(self._new)
        if not new:
            return
        try:
            self._put(new)
        except WorkspaceError:  # locked by an import, say; the record has them
            return
        with self._lock:
            for source_id in new:
                del self._new[source_id]

    def unsealed(self, sealed: Mapping[str, str]) -> dict[str, str]:
        """The pseudonyms of the record → those of the vault, which has its own where an import was faster, or a person's."""
        try:
            ids = {self._vault.unseal(base64.b64decode(text)).decode(): name for name, text in sealed.items()}
        except (binascii.Error, UnicodeDecodeError) as error:
            raise WorkspaceError(
                "the gate's record holds a customer that cannot be read; restore the workspace from a backup"
            ) from error
        missing = {
            source_id: name
            for source_id, name in ids.items()
            if self._vault.source_token(source_id) not in self._index
        }
        if missing:
            self._put(missing)
            self._learn()
        pseudonyms = {
            name: self._index[self._vault.source_token(source_id)] for source_id, name in ids.items()
        }
        return {**self._persons, **pseudonyms}

    def _learn(self) -> None:
        """Who is in the vault, ids of one person under its name."""
        everybody = self._vault.everybody()
        self._pseudonyms = {name: self._persons.get(name, name) for name in everybody.values()}
        self._index = {token: self._pseudonyms[name] for token, name in everybody.items()}

    def _put(self, people: Mapping[str, str]) -> None:
        import_id = f"gate-{secrets.token_hex(8)}"
        chosen = dict(people)
        self._vault.pseudonyms(
            people,
            import_id=import_id,
            maker=lambda source_id: chosen.pop(source_id, None) or self._new_pseudonym(source_id),
        )
        self._vault.confirm(import_id)


def _with_past(ws: "Workspace", rules: Sequence[Rule]) -> Gate:
    """A gate that knows the workspace's past: what its rules need of it, all messages as sent."""
    events = ws.scan().filter(pl.col("occurred_at") <= ws.at).select(pl.exclude(_WIDE)).collect()
    messages = histories.sent(events)
    keys = dict(messages.group_by("customer_id", maintain_order=True).agg("message_key").rows())
    newest = dict(events.group_by("customer_id").agg(pl.col("occurred_at").max()).rows())
    facts = ws.facts()
    gate = Gate(
        rules,
        intervals=histories.intervals(facts, rules),
        recorded=histories.responses(facts),
        ids=named_in(ws, rules),
    )
    for history in histories.histories(messages, events, gate.rules, facts, everybody=True):
        gate.know(history, keys.get(history.customer, ()), newest[history.customer])
    return gate


def _reader(ws: "Workspace") -> Reader:
    fill = None if ws.campaigns.is_empty() else campaign_map.lookup(ws.campaigns)
    return Reader(ws.vault.purpose_key("event_id"), fill)
