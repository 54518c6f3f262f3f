"""When does it stop: the segment pane, the verdict, the explanation, the reconciliation and the letter give one answer."""

from datetime import timedelta
from itertools import chain
from pathlib import Path

import pytest

from audit.errors import InputError
from audit.findings import check
from audit.queries import documents, reconcile
from audit.queries.case import Case, read_case
from audit.queries.customer import CustomerPicture, picture
from audit.queries.reports import call_script, customer_facts, note_sentences
from audit.queries.reports.case_facts import case_facts
from audit.queries.reports.language import language
from audit.why.model import WhyDocument
from audit.workspace.workspace import Workspace
from fixtures import scenes as told
from tui.rendering import verdict_text

CUSTOMERS = sorted(person.id for person in told.people())


@pytest.fixture(scope="module")
def ws(scenes: Path) -> Workspace:
    return Workspace.open(scenes)


@pytest.fixture(scope="module", params=CUSTOMERS)
def case(request: pytest.FixtureRequest, ws: Workspace) -> Case:
    return read_case(ws, request.param)


@pytest.fixture(scope="module")
def shown(case: Case) -> CustomerPicture:
    return picture(case, strips=False)


def test_a_segment_ends_in_the_pane_as_in_its_explanation(case: Case, shown: CustomerPicture) -> None:
    for segment in shown.segments:
        explained = case.why("segment", segment.id).document()
        ends = (explained.until, explained.until_why, explained.until_basis, explained.until_text)
        assert ends == (segment.until, segment.until_why, segment.until_basis, segment.until_text)
        assert explained.standing == segment.standing


def test_a_message_ends_alike_in_verdict_explanation_note_letter_and_call(
    case: Case, shown: CustomerPicture
) -> None:
    worst = verdict_text.worst_finding(shown)
    if worst is None or not worst.messages:
        pytest.skip("no message is in question")
    explained = case.why("message", worst.messages[-1]).document()
    assert verdict_text.whole(shown, explained, {}).ends == explained.until_text
    english, german = language("en"), language("de")
    assert note_sentences.ends(english, explained) == explained.until_text
    named = [explained.until, explained.none_since, explained.known_until, explained.counts_until]
    gaps = [day for gap in explained.known_gaps for day in (gap.begin, gap.end)]
    assert dates(note_sentences.ends(german, explained)) <= {
        german.date(day) for day in [*named, *gaps] if day
    }
    facts = case_facts(case, worst)
    found = case.why("finding", worst.id).document()
    if found.none_since is not None:
        assert facts.silence is not None
        assert (found.none_since, found.known_until) == (facts.silence.since, facts.silence.until)
    letter = " ".join(
        customer_facts.ends(
            german,
            [explained],
            shown.at,
            silence=facts.silence,
            again=worst.check if check(worst.check).again else "",
        )
    )
    quiet = (
        []
        if facts.silence is None
        else [facts.silence.since, facts.silence.until, *chain(*facts.silence.gaps)]
    )
    told_days = quiet if explained.until_basis == "default" else [*quiet, explained.until]
    assert dates(letter) <= {german.date(day) for day in told_days if day}
    assert dates(aloud(explained, shown)) <= {
        german.date(day) for day in [*named, *gaps, explained.subject.at] if day
    }


def aloud(explained: WhyDocument, shown: CustomerPicture) -> str:
    """What is read out of the end; nothing where there are no words, or no end to tell."""
    if not customer_facts.ends(language("de"), [explained], shown.at):
        return ""
    try:
        return call_script.aloud(explained, shown, locale="de")[-1]
    except InputError:
        return ""


def dates(text: str) -> set[str]:
    """The days that a German sentence names."""
    months = language("de").texts["months"]
    words = text.replace(";", " ").replace(",", " ").rstrip(".").split()
    return {
        " ".join([day, month, year.rstrip(".")])
        for day, month, year in zip(words, words[1:], words[2:], strict=False)
        if month in months
    }


def test_what_ended_ended_by_the_day_that_had_been_told(ws: Workspace) -> None:
    ended = [row for row in reconcile.reconcile(ws, limit=10_000).listed if row.ended is not None]
    assert ended
    for row in ended:
        assert row.ended is not None
        assert f"ended on {row.ended:%Y-%m-%d}" in row.text
        assert ("default" in row.text) == (row.ended_basis == "default")
        if row.reason == "held_before":
            before = documents.show(ws, row.customer, at=row.ended - timedelta(microseconds=1))
            (segment,) = [each for each in before.segments if each.id.partition(":")[0] == row.id]
            assert segment.until_basis in {row.ended_basis, None}
            assert segment.until is None or row.ended <= segment.until  # sooner where an act ended it
