"""What is said of a customer: explanations, notes and letters, and the events and definitions that its figures are held to."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

import polars as pl

from audit.errors import InputError
from audit.events.schema import BEHAVIOUR
from audit.findings import Unanswered
from audit.findings.anomaly import OutOfPattern
from audit.flows.model import Flow
from audit.population.coverage import Coverage
from audit.queries import documents
from audit.queries.case import read_case
from audit.queries.customer import picture
from audit.queries.locales import of_kind
from audit.queries.reports.case_facts import chosen, messages_to_explain
from audit.queries.reports.document import Report
from audit.rules.model import to_dict
from audit.why.model import WhyDocument
from audit.workspace.workspace import Workspace
from tests.figures.cases import Case
from tests.figures.history import History
from tests.figures.reading import day, figures

Figures = Sequence[str] | frozenset[str]
"""What the events give for a sentence: these figures and no others, in any order; of a set, none but these."""


class Told(NamedTuple):
    """A sentence, and the figures that it should hold."""

    text: str
    figures: Figures


@dataclass(frozen=True)
class Data:
    """What is known beside the events of a customer: how far the data reaches, the book, definitions."""

    coverage: Coverage
    newest: dict[str, datetime]
    """Kind → its newest event."""
    known_until: dict[str, datetime]
    """Source → its newest event."""
    mail_reach: frozenset[datetime]
    """How far the messages reach, and the sources that record them."""
    book_days: frozenset[str]
    rules: Mapping[str, Mapping[str, Any]]
    flows: tuple[Flow, ...]
    events: pl.DataFrame

    def owners(self, family: str, item: str) -> tuple[int, int]:
        """How many accounts have an item among their orders or sessions, and how many have any."""
        kinds = ["order_completed"] if family == "order" else list(BEHAVIOUR)
        acts = self.events.filter(pl.col("kind").is_in(kinds))
        return acts.filter(pl.col("item_id") == item)["customer_id"].n_unique(), acts[
            "customer_id"
        ].n_unique()


@dataclass(frozen=True)
class Said:
    """All that is said of one customer, made of one case."""

    case: Case
    data: Data
    unanswered: tuple[Unanswered, ...]
    explanations: tuple[WhyDocument, ...]
    unusual: tuple[OutOfPattern, ...]
    reports: dict[tuple[str, str], Report]
    """Kind and language → note or letter; where no letter is offered, there is none."""

    @property
    def history(self) -> History:
        return self.case.history

    @cached_property
    def names(self) -> set[str]:
        suggested = {row.suggested_rule["id"] for row in self.case.findings if row.suggested_rule}
        return self.case.names | {*self.data.rules} | suggested | {self.history.rows[0]["customer_id"]}


def data_of(ws: Workspace) -> Data:
    context, events = ws.context(), ws.events()
    kinds = events.group_by("kind").agg(pl.col("occurred_at").max())
    sources = events.group_by(pl.col("source_name").fill_null("")).agg(pl.col("occurred_at").max())
    mail_sources = events.filter(pl.col("kind") == "message_sent")["source_name"].fill_null("").unique()
    reach = {at for name, at in sources.rows() if name in mail_sources.to_list()}
    reach |= {at for kind, at in kinds.rows() if kind == "message_sent"}
    days = {day(period.since) for period in ws.book.in_force()}
    rules = {rule.id: to_dict(rule) for rule in ws.book.enabled()}
    return Data(
        context.coverage, dict(kinds.rows()), dict(sources.rows()), frozenset(reach), frozenset(days), rules, tuple(ws.flows), events
    )  # fmt: skip


def said(ws: Workspace, data: Data, customer: str) -> Said:
    """What is said of a customer in every language."""
    case = read_case(ws, customer)
    rows = documents.audited(case).findings
    context = case.context
    triggers = dict(context.campaigns.select("campaign_id", "trigger").drop_nulls("campaign_id").rows())
    made = [documents.explanation(case, message=ident) for ident in messages_to_explain(rows)]
    worst = chosen(rows, None)
    if worst is not None:
        made.append(documents.explanation(case, finding=worst.id))
    reports = {}
    for kind in ("internal", "reply"):
        for locale in of_kind(kind):
            try:
                reports[kind, locale] = documents.written(case, ws, kind=kind, locale=locale)
            except InputError:
                assert kind == "reply"
    declared = {rule.id: to_dict(rule) for rule in context.declared}
    read = Case(rows, History(case.events, triggers, context.at, declared), context.facts)
    unusual = picture(case, strips=True).out_of_pattern
    return Said(read, data, case.unanswered, tuple(made), unusual, reports)


def wrong(told: Iterable[Told], names: Iterable[str]) -> Iterator[str]:
    """The sentences whose figures are not those that they should hold."""
    for text, expected in told:
        read = figures(text, names)
        if not holds(read, expected):
            yield f"{text!r} reads {read}, the events give {sorted(expected)}"


def holds(read: Sequence[str], expected: Figures) -> bool:
    """Whether the figures read are those expected; a day without its year is that of any year."""
    left = list(expected)
    for figure in read:
        known = next((one for one in left if _same(figure, one)), None)
        if known is None:
            return False
        if not isinstance(expected, frozenset):
            left.remove(known)
    return isinstance(expected, frozenset) or not left


def _same(read: str, known: str) -> bool:
    return known.endswith(read[4:]) and len(known) == len(read) if read.startswith("????") else read == known
