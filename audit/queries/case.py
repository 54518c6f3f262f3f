"""One customer's history as asked for, and what is decided of it, worked out once for all questions."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, Concatenate, NamedTuple, ParamSpec, TypeVar

import polars as pl

from audit import (
    findings,
    recommendations,
    segments,
    why,
)
from audit.errors import NotFoundError
from audit.population.coverage import Coverage
from audit.privacy.role_view import MARK, RoleView
from audit.rules.book.versions import RulePeriod
from audit.rules.model import Rule
from audit.rules.reference import histories
from audit.rules.replay import outcomes
from audit.rules.replay.simulation import Replay, simulate
from audit.workspace.context import Context

if TYPE_CHECKING:
    from audit.privacy.log import Entry
    from audit.workspace.workspace import Workspace

Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")

_HANDOVER_MADE = "handover_made"
"""What the log calls an export that was written out."""


def kept(
    answer: "Callable[Concatenate[Case, Asked], Answer]",
) -> "Callable[Concatenate[Case, Asked], Answer]":
    """An answer about a case, worked out once for each question: pages, notes and letters of a case ask for the same."""

    @wraps(answer)
    def known(case: "Case", /, *asked: Asked.args, **named: Asked.kwargs) -> Answer:
        question = (answer, asked, tuple(named.items()))
        if question not in case.answers:
            case.answers[question] = answer(case, *asked, **named)
        told: Answer = case.answers[question]
        return told

    return known


class Handover(NamedTuple):
    """A rule that was written out for the system that sends."""

    at: datetime
    """UTC."""
    format: str


@dataclass(frozen=True)
class Case:
    """One customer's history as asked for: the events up to a moment, without the ones left out.

    What is decided of them is worked out once for all that is asked.
    """

    customer: str
    events: pl.DataFrame
    context: Context
    rules: tuple[RulePeriod, ...] = ()
    """The rules of the book that judge now, or judged at the moment asked about."""
    handovers: Mapping[tuple[str, int | None], Handover] = field(default_factory=dict)
    """Those of the rules, by id and version."""
    source_ids: Mapping[str, str] = field(default_factory=dict)
    """Source ids → pseudonyms, of the customers whom these rules name by the source's own id."""
    view: RoleView = field(default_factory=RoleView)
    book_at: datetime | None = None
    """The moment asked about, of which the book is read too; None: as it is now."""
    known_at: datetime | None = None
    """The moment as of which the events are read; None: as they are known now."""
    answers: dict[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)
    """What was asked of it, see `kept`."""

    @cached_property
    def found(self) -> pl.DataFrame:
        """The findings, as `findings.find` gives them."""
        return findings.find(self.events, self.context)

    @cached_property
    def unanswered(self) -> tuple[findings.Unanswered, ...]:
        """The checks that this data cannot answer, or not in full."""
        lost = self.context.coverage.left_out.lost_opt_outs
        return findings.unanswered_checks(self.events, self.context, lost_opt_outs=lost)

    @property
    def coverage(self) -> Coverage:
        """What the data covers since the first of these events."""
        first = self.events["occurred_at"].min()
        return self.context.coverage.since(first if isinstance(first, datetime) else None)

    @cached_property
    def memberships(self) -> pl.DataFrame:
        """The segments they are in, as `segments.memberships` gives them."""
        return segments.memberships(self.events, self.context)

    @cached_property
    def recommended(self) -> recommendations.Reconstruction:
        """What is recommended to them."""
        return recommendations.Reconstruction(self.events, self.context)

    @cached_property
    def causes(self) -> pl.DataFrame:
        """The causes of every message, as `why.causes` gives them."""
        return why.causes(self.events, self.context)

    @cached_property
    def became(self) -> pl.DataFrame:
        """What became of every message, as `outcomes.of` gives it: the same whatever rules are replayed."""
        return outcomes.of(self.events, histories.sent(self.events))

    def replay(self, rules: Iterable[Rule]) -> Replay:
        """Rules replayed over this customer's past."""
        taking_part = [rule for rule in rules if rule.takes_part]
        causes = self.causes_read_by(taking_part)
        return simulate(
            self.events, taking_part, self.context, ids=self.source_ids, causes=causes, became=self.became
        )

    def causes_read_by(self, rules: Iterable[Rule]) -> pl.DataFrame | None:
        """The causes, where one of `rules` reads them; else None."""
        return self.causes if any(rule.takes_part and rule.reads_causes for rule in rules) else None

    @cached_property
    def stopped(self) -> pl.DataFrame:
        """What the book does to each message: `event_id, stops, failing_rules`."""
        decisions = self.replay(period.rule for period in self.rules).decisions
        return decisions.select("event_id", "failing_rules", stops=pl.col("decision") == "stop")

    @kept
    def why(self, subject: str, ident: str) -> why.Explanation:
        """Why something was decided: a `message`, `segment`, `item` or `finding`. Raises NotFoundError.

        One of many segments or findings is asked for alone, unless another question asked for all of them already.
        """
        events, context, at_hand = self.events, self.context, self.__dict__
        ident = self.view.meant(ident)
        if self.view.guesses(ident):
            ident = MARK
        if subject == "segment":
            known = at_hand.get("memberships")
            return why.segment(events, context, ident, memberships=known)
        if subject == "item":
            return why.item(events, context, ident, recommended=self.recommended)
        if subject == "finding":
            known = at_hand.get("found")
            return findings.finding(events, context, ident, listed=known)
        return why.message(context.known_then(events, ident), context, ident)


def read_case(
    ws: "Workspace", customer: str, *, at: datetime | None = None, without: Iterable[str] = ()
) -> Case:
    """Read one customer's history. Raises NotFoundError for an unknown customer or an unknown event left out."""
    pseudonym = ws.resolve(customer, at=at)
    whole = ws.history(pseudonym, at=at or ws.at)
    left_out = ws.view.meant(frozenset(without))
    unknown = {event for event in left_out if ws.view.guesses(event)} | left_out - set(whole["event_id"])
    if unknown:
        raise NotFoundError(
            f"no event {min(unknown)!r} of {pseudonym} to leave out; `whysent show` lists evidence by event_id"
        )
    events = whole.filter(~pl.col("event_id").is_in(list(left_out))) if left_out else whole
    rules = ws.book.in_force(at or ws.generation.known_at)
    ids = named_in(ws, (period.rule for period in rules))
    context = ws.context(at, customer=pseudonym)
    handovers = _handovers(ws.log.entries(), at or ws.generation.known_at) if rules else {}
    return Case(
        pseudonym,
        events,
        context,
        rules,
        handovers,
        ids,
        ws.view,
        at or ws.generation.known_at,
        ws.generation.known_at,
    )


def _handovers(entries: Iterable["Entry"], at: datetime | None) -> dict[tuple[str, int | None], Handover]:
    """The newest export of each rule, by its id and version, that was written out by `at` (UTC; None: by now)."""
    by_number = {entry.seq: entry for entry in entries}
    newest = {}
    for entry in by_number.values():
        request = by_number.get(entry.details["of"]) if entry.act == _HANDOVER_MADE else None
        if request is not None and (at is None or entry.at <= at):
            for rule in request.details["rules"]:
                newest[rule["id"], rule["version"]] = Handover(entry.at, request.details["format"])
    return newest


def named_in(ws: "Workspace", rules: Iterable[Rule]) -> dict[str, str]:
    """Source ids → pseudonyms, for the customers that rules name by the source's own id."""
    source_ids = {source_id for rule in rules for source_id in (*rule.customers, *rule.except_customers)}
    resolved = {source_id: ws.person(source_id) for source_id in sorted(source_ids)}
    return {source_id: pseudonym for source_id, pseudonym in resolved.items() if pseudonym is not None}


def causes_for(rules: Iterable[Rule], events: pl.DataFrame, context: Context) -> pl.DataFrame | None:
    """The causes of every message in `events` (see `why.causes`), where one of `rules` reads them; else None."""
    return (
        why.causes(events, context) if any(rule.takes_part and rule.reads_causes for rule in rules) else None
    )
