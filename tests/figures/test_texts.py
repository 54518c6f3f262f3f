"""Every figure of every explanation, letter and note of the scenes is one that the events give."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from audit.errors import InputError
from audit.queries import documents
from audit.queries.reports.case_facts import chosen, messages_to_explain
from audit.queries.reports.language import language
from audit.why.model import WhyDocument
from audit.workspace.workspace import Workspace
from fixtures import scenes as told
from tests.figures import texts
from tests.figures.cases import Case, cases
from tests.figures.findings import expected
from tests.figures.reading import day, figures, minute

UNUSUAL = {language(locale).say("unusual", "title") for locale in ("en", "de")}
CUSTOMERS = sorted(person.id for person in told.people())
READ = CUSTOMERS if os.environ.get("WHYSENT_FIGURES") == "all" else CUSTOMERS[::4]
"""Whose explanations, letters and notes are read: every fourth by default, as it takes a minute a dozen; `WHYSENT_FIGURES=all`: all."""


@pytest.fixture(scope="module")
def ws(scenes: Path) -> Workspace:
    return Workspace.open(scenes)


@pytest.fixture(scope="module")
def read(ws: Workspace) -> dict[str, Case]:
    return {case.history.rows[0]["customer_id"]: case for case in cases(ws)}


@pytest.fixture(scope="module")
def known(ws: Workspace) -> set[str]:
    """Figures of what the data covers, and of definitions."""
    coverage = ws.context().coverage
    moments = [at for span in coverage.kinds.values() for at in (span.first, span.last)]
    gaps = [at for _, begin, end in _gaps(coverage.gaps) for at in (begin, end)]
    names = {text for at in moments for text in (day(at), minute(at), str(at.year))}
    lengths = {text for length in texts.lengths(ws.flows) for text in texts.in_units(length)}
    return names | {f"{at:%Y-%m-%d}" for at in gaps} | lengths


def _gaps(gaps) -> Iterator[tuple[None, object, object]]:
    return ((None, begin, end) for begin, end in gaps)


def explained(ws: Workspace, case: Case) -> list[WhyDocument]:
    """The explanations that the reports of a customer rest on."""
    customer = case.history.rows[0]["customer_id"]
    worst = chosen(case.findings, None)
    made = [documents.explain(ws, customer, message=ident) for ident in messages_to_explain(case.findings)]
    return made if worst is None else [*made, documents.explain(ws, customer, finding=worst.id)]


@pytest.mark.parametrize("name", READ)
def test_every_figure_of_what_is_said_of_a_customer_is_that_of_the_events(
    ws: Workspace, read: dict[str, Case], known: set[str], name: str
) -> None:
    case = read[ws.resolve(name)]
    history, names = case.history, _names(ws, case)
    made = explained(ws, case)
    headlines = {figure for row in case.findings for figure in expected(row, history, case.facts)}
    headlines |= {figure for row in case.findings for source in row.sources for figure in figures(source)}
    wrong = [
        text
        for document in made
        for text in texts.wrong_in_explanation(document, history, known | headlines, names)
    ]
    lengths = texts.lengths(ws.flows) | {timedelta(0)}
    wrong += [
        f"ends {document.until}" for document in made if not texts.known_ends(document, history, lengths)
    ]
    worst = chosen(case.findings, None)
    for locale in ("en", "de"):
        wrong += _wrong_in_reply(ws, case, made, known, locale)
        wrong += _wrong_in_note(ws, case, made, known | headlines, locale)
    assert wrong == []
    assert worst is None or headlines


def _names(ws: Workspace, case: Case) -> set[str]:
    return case.names | {rule.id for rule in ws.book.enabled()}


def _wrong_in_reply(
    ws: Workspace, case: Case, made: list[WhyDocument], known: set[str], locale: str
) -> list[str]:
    names = _names(ws, case)
    finding = chosen(case.findings, None)
    try:
        letter = documents.report(ws, case.history.rows[0]["customer_id"], kind="reply", locale=locale)
    except InputError:
        return []
    allowed = texts.letter_figures(finding, made, case.history) | known | _book_days(ws)
    return list(texts.wrong_in_letter(letter, allowed, case.history, names))


def _wrong_in_note(
    ws: Workspace, case: Case, made: list[WhyDocument], known: set[str], locale: str
) -> list[str]:
    names = _names(ws, case)
    history = case.history
    customer = history.rows[0]["customer_id"]
    note = documents.report(ws, customer, locale=locale)
    counts = {str(number) for number in texts.message_counts(history).values()}
    by_week = texts.weeks(history)
    numbers = {str(number) for number in range(max(by_week.values(), default=0) + 1)}
    allowed = (
        known | counts | numbers | set(by_week) | _book_days(ws) | texts.everything_told(made, history)
        | texts.letter_figures(None, made, history) | {minute(history.at), day(history.at), str(len(by_week))}
        | {str(len(made)), str(len({message for row in case.findings for message in row.messages}))}
        | {figure for row in case.findings for figure in (day(row.first), day(row.last), str(row.total))}
    )  # fmt: skip
    allowed |= _weeks_and_campaigns(case, by_week)
    wrong = []
    sources = {source for row in case.findings for source in row.sources}
    for section in note.sections:
        for text in (*section.paragraphs, *section.items):
            if text not in sources and customer not in text:
                wrong += texts.unaccounted(text, allowed | _unanswered(ws, customer), names)
        odd = texts.of_anomalies(history, len(CUSTOMERS)) if section.heading in UNUSUAL else set()
        wrong += texts.wrong_in_nodes(section.tree, allowed | odd, names)
        for week, number, _ in section.table.rows if section.table else ():
            if by_week.get(figures(week)[0], 0) != int(number):
                wrong.append(f"{week}: {number}")
    return wrong


def _weeks_and_campaigns(case: Case, by_week: dict[str, int]) -> set[str]:
    """How many weeks from the first message to the last, and how many messages each campaign sent."""
    sent = case.history.sent
    campaigns = [row["campaign_id"] or row["campaign_name"] for row in sent]
    numbers = {str(campaigns.count(name)) for name in campaigns}
    return numbers | {str(number) for number in range(1, 60) if by_week}


def _unanswered(ws: Workspace, customer: str) -> set[str]:
    found = documents.audit(ws, customer).unanswered
    return {str(number) for row in found for number in (row.events, row.of)} | {str(len(found))}


def _book_days(ws: Workspace) -> set[str]:
    return {"2026-11-21"}
