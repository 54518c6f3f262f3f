"""Proposals: what somebody asks to be done, for which case, and what became of it."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from audit.errors import InputError, NotFoundError
from audit.events.document import Document
from audit.events.times import iso, parse_iso
from audit.rules.book.plan import Change
from audit.rules.model import Rule, from_dict, to_dict

if TYPE_CHECKING:
    from sqlite_utils import Database

DRAFT, PROPOSED, APPROVED, REJECTED, WITHDRAWN, USED = STATES = (
    "draft", "proposed", "approved", "rejected", "withdrawn", "used",
)  # fmt: skip
"""Where a proposal stands. `used`: an approved export that was made; it is made once."""


@dataclass(frozen=True, slots=True)
class Case:
    """What a proposal answers: `customer` is a pseudonym, `finding` its id, `campaign` what to group it by."""

    campaign: str = ""
    finding: str = ""
    customer: str = ""
    ticket: str = ""
    note: str = ""


class Request(NamedTuple):
    """An export asked for: its format, and the rules by id and version."""

    format: str
    rules: tuple[tuple[str, int], ...]


class Step(Document):
    """What became of a proposal, by whom and why."""

    state: str
    actor: str
    at: datetime
    note: str


DOES = {"+": "new rule", "-": "take out", "~": "change"}
"""What becomes of a rule, by its sign."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change of the rules (`changes`) or an export (`request`) that is asked for.

    Each of `changes` is against the version of its rule at that time; `effective` as in a plan; `undoes` the change
    that it takes back.
    """

    number: int
    action: str
    changes: tuple[Change, ...]
    request: Request | None
    undoes: int | None
    effective: datetime | None
    author: str
    case: Case
    steps: tuple[Step, ...]

    @property
    def id(self) -> str:
        """Its number as people write it: `p3`."""
        return f"p{self.number}"

    @property
    def state(self) -> str:
        """One of `STATES`."""
        return self.steps[-1].state

    def as_of(self, at: datetime) -> "Proposal | None":
        """As it stood at a moment (UTC); None before it was written."""
        steps = tuple(step for step in self.steps if step.at <= at)
        return replace(self, steps=steps) if steps else None

    @property
    def made_at(self) -> datetime:
        """When it was first written (UTC)."""
        return self.steps[0].at

    @property
    def title(self) -> str:
        """What it asks for, in few words: what becomes of which rule, or the export."""
        return ", ".join(f"{DOES[change.sign]} {change.rule.id}" for change in self.changes) or self.action

    @property
    def keys(self) -> dict[str, Any] | None:
        """The rule that would be there if it were approved, as in a rule file; None unless it is about one rule."""
        (change, *more) = self.changes or (None,)
        return None if change is None or more or change.after is None else to_dict(change.after)

    @property
    def campaign(self) -> str:
        """What it is grouped by: the campaign of its case, else those that its rules name; empty: none."""
        campaigns = dict.fromkeys(name for change in self.changes for name in change.rule.campaigns)
        return self.case.campaign or ", ".join(campaigns)

    def lines(self) -> list[str]:
        """What it asks for: a line a rule with what becomes of it; below what it then does, and its keys; or the export."""
        lines = []
        for change in self.changes:
            lines.append(f"{change.sign} {change.rule.id}")
            lines += [f"    {line}" for line in (*change.reads, *change.lines()) if change.after]
        if self.request:
            rules = ", ".join(f"{name} v{version}" for name, version in self.request.rules)
            lines.append(f"handover as {self.request.format}: {rules}")
        return lines

    def asks_the_same(self, other: "Proposal") -> bool:
        """Whether another one asks for the very same."""
        return (self.changes, self.request, self.effective) == (other.changes, other.request, other.effective)


@dataclass(frozen=True, slots=True)
class Group:
    """The proposals about one campaign (empty: about none), and how many tickets and people stand behind them."""

    campaign: str
    proposals: tuple[Proposal, ...]

    @property
    def tickets(self) -> int:
        """How many different tickets."""
        return len({proposal.case.ticket for proposal in self.proposals} - {""})

    @property
    def customers(self) -> int:
        """How many different customers."""
        return len({proposal.case.customer for proposal in self.proposals} - {""})


def grouped(proposals: Iterable[Proposal]) -> list[Group]:
    """By campaign, the one most is asked about first, those about none last."""
    by_campaign: dict[str, list[Proposal]] = {}
    for proposal in proposals:
        by_campaign.setdefault(proposal.campaign, []).append(proposal)
    groups = [Group(name, tuple(of_campaign)) for name, of_campaign in by_campaign.items()]
    return sorted(groups, key=lambda group: (not group.campaign, -len(group.proposals), group.campaign))


def proposal_id(text: str) -> int | None:
    """The number of a proposal written `p3`; None for anything else."""
    match = re.fullmatch(r"p(\d{1,9})", text.strip())
    return int(match[1]) if match else None


def number(text: str) -> int:
    """The number of a proposal written `p3`. Raises InputError."""
    proposal = proposal_id(text)
    if proposal is None:
        raise InputError(f"{text!r} is no proposal; write p3, as `whysent rules inbox` names them")
    return proposal


# -- in the book ----------------------------------------------------------------------------------------


def write(
    db: "Database",
    content: Iterable[Change] | Request,
    action: str,
    case: Case,
    step: Step,
    *,
    effective: datetime | None = None,
    undoes: int | None = None,
) -> int:
    """Put a proposal down with the step that begins it; gives its number."""
    is_export = isinstance(content, Request)
    body = content._asdict() if isinstance(content, Request) else [_body(change) for change in content]
    row = {
        "act": "handover" if is_export else "rules", "action": action,
        "body": json.dumps(body, ensure_ascii=False), "undoes": undoes, "effective": iso(effective),
        "author": step.actor, "made_at": iso(step.at), **asdict(case),
    }  # fmt: skip
    db.table("proposals").insert(row)
    (number,) = db.conn.execute("select last_insert_rowid()").fetchone()
    write_step(db, number, step)
    return int(number)


def write_step(db: "Database", proposal: int, step: Step) -> None:
    """Put down what became of a proposal."""
    db.table("steps").insert({"proposal": proposal, **msgspec.structs.asdict(step), "at": iso(step.at)})


def read(db: "Database | None") -> list[Proposal]:
    """Every proposal, in the order written."""
    if db is None:
        return []
    steps: dict[int, list[Step]] = {}
    for proposal, state, actor, at, note in db.conn.execute(
        "select proposal, state, actor, at, note from steps order by seq"
    ):
        steps.setdefault(proposal, []).append(Step(state=state, actor=actor, at=parse_iso(at), note=note))
    return [
        _proposal(row, tuple(steps[row["id"]])) for row in db.table("proposals").rows_where(order_by="id")
    ]


def find(proposals: Iterable[Proposal], number: int) -> Proposal:
    """The proposal of that number. Raises NotFoundError."""
    for proposal in proposals:
        if proposal.number == number:
            return proposal
    raise NotFoundError(f"no proposal p{number}; `whysent rules inbox --all` names them")


def _proposal(row: Mapping[str, Any], steps: tuple[Step, ...]) -> Proposal:
    body = json.loads(row["body"])
    is_export = row["act"] == "handover"
    return Proposal(
        number=row["id"],
        action=row["action"],
        changes=()
        if is_export
        else tuple(Change(_rule(change["before"]), _rule(change["after"])) for change in body),
        request=Request(body["format"], tuple((rule_id, version) for rule_id, version in body["rules"]))
        if is_export
        else None,
        undoes=row["undoes"],
        effective=parse_iso(row["effective"]) if row["effective"] else None,
        author=row["author"],
        case=Case(**{field.name: row[field.name] for field in fields(Case)}),
        steps=steps,
    )


def _body(change: Change) -> dict[str, Any]:
    return {
        name: rule and {"version": rule.version, "rule": to_dict(rule)}
        for name, rule in (("before", change.before), ("after", change.after))
    }


def _rule(body: Mapping[str, Any] | None) -> Rule | None:
    return from_dict(body["rule"], version=body["version"]) if body else None
