"""What the data cannot answer is said where nothing was found, in both languages, with what would help."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from audit.events.schema import KINDS
from audit.findings import CHECKS, Unanswered, catalogue
from audit.ingest import import_paths
from audit.queries import documents
from audit.queries.locales import of_notes
from audit.queries.reports import LOCALES, in_one_line, language, sentences
from audit.queries.reports.case_facts import SentMessage
from audit.queries.reports.limits import unchecked
from audit.workspace.workspace import Workspace

ORDERS = """customer_id,event_id,occurred_at,kind,item_id,item_name
a,e1,2026-03-02T12:00:00Z,order_completed,n,Nail clipper
a,e2,2026-03-03T12:00:00Z,order_completed,n,Nail clipper
"""
"""A log without a single message."""

UNMAPPED = """customer_id,event_id,occurred_at,kind,channel,message_class,campaign_id,item_id,item_name
a,e0,2026-03-02T12:00:00Z,order_completed,,,,n,Nail clipper
""" + "".join(
    f"a,m{month},2026-{month:02}-07T12:00:00Z,message_sent,email,marketing,w,,\n" for month in range(3, 10)
)
"""Mails of which nothing says what they are about."""

ITEM = {"en": " item,", "de": " Artikel,"}
"""What the column of an item is called."""


def workspace(folder: Path, text: str) -> Workspace:
    file = folder / "events.csv"
    file.write_text(text)
    ws = Workspace.create(folder / "workspace")
    import_paths(ws, [file])
    return ws


@pytest.mark.parametrize("locale", of_notes())
def test_a_note_about_data_without_messages_finds_nobody_innocent(tmp_path, locale):
    ws = workspace(tmp_path, ORDERS)
    text = documents.report(ws, "a", kind="internal", locale=locale).written("md")
    says = language(locale)
    assert says.say("limits", "no_messages")[1:] in text
    assert f"## {says.say('internal', 'messages')}" not in text, "none sent is not known"
    assert says.say("internal", "unanswered") in text
    assert says.say("limits", "nothing_found") not in text


@pytest.mark.parametrize("locale", of_notes())
def test_a_note_about_an_unmapped_campaign_says_what_to_map(tmp_path, locale):
    ws = workspace(tmp_path, UNMAPPED)
    picture = documents.show(ws, "a")
    text = documents.report(ws, "a", kind="internal", locale=locale).written("md")
    (about,) = [
        sentence for sentence in sentences(language(locale), picture.unanswered) if ITEM[locale] in sentence
    ]
    assert about in text
    assert f"{language(locale).quoted('w')}." in about, "the campaign is named"
    assert language(locale).say("question", "repeat-after-purchase") in about


@pytest.mark.parametrize("locale", LOCALES)
def test_a_reply_out_of_data_without_messages_does_not_say_that_none_was_found(tmp_path, locale):
    ws = workspace(tmp_path, ORDERS)
    text = documents.report(ws, "a", kind="reply", locale=locale).written("md")
    assert language(locale).say("sent", "none_held") in text
    assert language(locale).say("sent", "none") not in text


def test_what_an_order_holds_is_counted_in_lines_and_none_of_the_columns_is_there(tmp_path):
    """Whichever check asks: one sentence; and what a check lacks in part is not told where it cannot answer at all."""
    ws = workspace(tmp_path, ORDERS.replace("03-03", "03-02"))
    lacking = documents.show(ws, "a").unanswered
    for locale, told in (
        ("en", "No gift mark, recipient, person, device, category or source: 2 of 2 order lines."),
        (
            "de",
            "Ohne Geschenkvermerk, Empfänger, Person, Gerät, Kategorie oder Quelle: 2 von 2 Bestellzeilen.",
        ),
    ):
        texts = sentences(language(locale), lacking)
        assert [told in text for text in texts].count(True) == 1
    in_part = msgspec.structs.replace(
        lacking[0],
        lacks="columns",
        check="shared-account",
        kinds=("order_completed",),
        columns=("category",),
        events=1,
        of=2,
    )
    assert sentences(language("en"), (*lacking, in_part)) == sentences(language("en"), lacking)


def test_what_is_absent_and_what_ends_early_is_a_sentence_each(tmp_path):
    lacking = documents.show(workspace(tmp_path, UNMAPPED), "a").unanswered
    texts = sentences(language("en"), lacking)
    assert {lack.lacks for lack in lacking} >= {"kinds", "end"}
    (absent,) = (text for text in texts if text.startswith("This data holds no"))
    assert absent.count(language("en").say("question", "unexplained")) == 1
    assert [text for text in texts if "logs end" in text] == [
        "The logs end: that of orders on 2 March 2026. What came later was not looked at; to look at it, import it."
    ]


def test_every_answer_over_everybody_lists_it_too(tmp_path):
    ws = workspace(tmp_path, ORDERS)
    checks = {row.check for row in documents.customers(ws).unanswered}
    assert checks == {row.check for row in documents.audit(ws, "a").unanswered}
    assert "over-frequency" in checks


def test_where_everything_is_answered_nothing_was_found():
    assert in_one_line(language("en"), ()) == "no check found anything"


def test_how_many_checks_found_nothing_leaves_out_those_that_cannot_tell(tmp_path):
    ws = workspace(tmp_path, UNMAPPED)
    picture = documents.show(ws, "a")
    untold = {row.check for row in picture.findings}
    text = in_one_line(language("en"), picture.unanswered, untold)
    answered = int(text.split(" of ")[0])
    never = {
        row.check
        for row in picture.unanswered
        if row.lacks == "kinds" or (row.lacks == "columns" and row.events == row.of)
    }
    assert answered == len(set(CHECKS) - never - untold)
    assert f"of {len(CHECKS)} checks" in text


@pytest.mark.parametrize("locale", of_notes())
def test_every_kind_that_a_check_needs_has_a_name(locale):
    needed = {kind for check in CHECKS for need in catalogue.row(check).needs for kind in need.kinds}
    assert needed <= set(KINDS)
    assert needed <= set(language(locale).texts["kinds"])


@pytest.mark.parametrize(("locale", "said"), [("en", "“a” and 95 more"), ("de", "„a“ und 95 weitere")])
def test_of_many_campaigns_it_is_said_how_many_there_are_besides(locale, said):
    lack = Unanswered(
        check=next(iter(CHECKS)), lacks="columns", how="map", kinds=("message_sent",), columns=("category",), events=9, of=9,
        campaigns=("a",), more_campaigns=95,
    )  # fmt: skip
    assert said in sentences(language(locale), [lack])[0]


@pytest.mark.parametrize(
    ("locale", "all_of_them", "some"),
    [("en", "This we could not check", "Among what we could not"), ("de", "Nicht prüfen konnten wir dies", "unter anderem")],
)  # fmt: skip
def test_a_letter_says_that_more_was_not_checked_than_it_names(locale, all_of_them, some):
    lacks = {
        check: Unanswered(check=check, lacks="kinds", how="import", kinds=("unsubscribed",), events=9, of=9)
        for check in ("after-opt-out", "dead-address")
    }
    asked, unasked = lacks.values()
    sent = [SentMessage("m", datetime(2026, 3, 7, tzinfo=UTC), "Hello")]
    (told,) = unchecked(language(locale), [asked], sent)
    (more,) = unchecked(language(locale), [asked, unasked], sent)
    assert (told.startswith(all_of_them), some in more) == (True, True)
