"""What a report says of the reasons: the tree, the counterfactual, the words for the customer, the mails a week."""

import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import msgspec
import polars as pl
import pytest
from msgspec.structs import replace

from audit.errors import InputError
from audit.findings.anomaly import OutOfPattern
from audit.queries import documents, reports
from audit.queries.customer import CustomerPicture
from audit.queries.locales import of_notes
from audit.queries.reports import aloud, note_sentences, weekly
from audit.queries.reports.language import language
from audit.why import Counterfactual, WhyDocument
from audit.why.message import _conditions
from audit.why.model import FlowCondition, FlowReconstruction
from audit.workspace.workspace import Workspace
from tests.audit.queries.test_report import (
    EXPLANATIONS,
    FORBIDDEN,
    HOSTILE,
    PICTURE,
    explanation,
    finding,
    picture,
    reason,
)
from tests.build import events

AT = datetime(2026, 11, 21, 9, 12, tzinfo=UTC)
PROOF = {
    "remove": ["o-1", "o-2"], "add": [{"kind": "order_completed", "occurred_at": "2026-11-01T00:00:00Z"}],
    "outcome": "our definition would not have given it", "minimal": True, "smallest": True, "method": "exact",
    "enough": ["o-1", "o-2"], "needed": [], "tested": True, "tried": 4,
    "instead": [{"strategy": "also_bought", "item_id": "i-9", "title": "Hand cream"}],
}  # fmt: skip
HELD = {
    "flow": "cart", "title": "Cart series", "trigger": "cart", "act": "a-1", "step": "second", "due": None, "holds": False,
    "asks_for": None, "carries": None,
    "conditions": [
        {"condition": "delay", "holds": True, "text": "24 hours after", "events": []},
        {"condition": "not_ended", "holds": False, "text": "the cart was bought before", "events": ["o-2"]},
    ],
}  # fmt: skip


def note(*told: WhyDocument, locale: str = "en") -> str:
    return reports.internal(PICTURE, [finding()], told, locale=locale).written("md")


def lines(text: str) -> list[tuple[int, str]]:
    """Depth and text of the list under the heading Why."""
    part = re.split(r"^## ", text, flags=re.MULTILINE)
    mine = next(one for one in part if one.startswith(("Why", "Warum")))
    items = [line for line in mine.splitlines() if line.lstrip().startswith("- ")]
    return [((len(line) - len(line.lstrip())) // 2, line.strip()[2:]) for line in items]


def test_the_tree_stands_as_a_tree_and_what_is_behind_a_sentence_below_it() -> None:
    bought = reason("bought it", "o-1")
    told = explanation(
        "m-1", "2026-01-20T07:00:00Z", because=[reason("our definition gives it", because=(bought,))]
    )
    assert (2, "our definition gives it") in lines(note(told))
    assert (3, r"bought it [o-1]") in lines(note(told))


def test_the_counterfactual_is_told_whole() -> None:
    told = lines(note(explanation("m-1", "2026-01-20T07:00:00Z", counterfactual=PROOF)))
    at = told.index((1, "what would have had to be different"))
    assert told[at + 1 : at + 5] == [
        (2, "without o-1, o-2: our definition would not have given it (no fewer would do)"),
        (
            2,
            "had there been an order of anything on 2026-11-01 00:00: our definition would not have given it",
        ),
        (2, "each of these by itself would still have led to it: o-1, o-2"),
        (2, "in its place there would stand: Hand cream"),
    ]
    (hedged, *_) = _without(enough=())
    assert hedged.endswith("(none of them can be put back; that fewer would not do is not certain)")
    assert _without()[0].endswith("our definition would not have given it")
    assert not any("without" in line or "by itself" in line for line in _without(everything=True))


def _without(**changed: object) -> list[str]:
    """What is said of a set that may not be the smallest."""
    proof = msgspec.structs.replace(msgspec.convert(PROOF, Counterfactual), smallest=False, **changed)
    told = lines(note(explanation("m-1", "2026-01-20T07:00:00Z", counterfactual=msgspec.to_builtins(proof))))
    at = told.index((1, "what would have had to be different"))
    return [text for depth, text in told[at + 1 :] if depth == 2]


def test_a_message_held_against_its_definition_shows_which_conditions_held() -> None:
    told = lines(note(explanation("m-1", "2026-01-20T07:00:00Z", reconstruction=HELD)))
    at = told.index((1, "held against the definition: “Cart series” · second"))
    assert told[at + 1] == (2, "✗ did not hold: the cart was bought before")
    assert (2, "✓ held: 24 hours after") not in told


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"done": "2026-11-22T10:00:00Z"}, "; das kam am 22. November 2026"),
        (
            {
                "absent": {
                    "kinds": ["product_reviewed"],
                    "from": "2026-11-21T09:12:00Z",
                    "to": "2026-11-30T09:12:00Z",
                }
            },
            "; nicht verzeichnet vom 21. November 2026 bis 30. November 2026: Bewertet",
        ),
        ({}, ""),
    ],
)
def test_what_a_message_asks_for_is_told_in_german(more: dict[str, Any], told: str) -> None:
    asked = FlowCondition("asks_for", True, "it asks for one thing: reviews")
    held = msgspec.convert({**HELD, "asks_for": "product_reviewed", "conditions": []}, FlowReconstruction)
    condition = msgspec.convert(msgspec.to_builtins(asked) | more, FlowCondition)
    (node,) = _conditions(replace(held, conditions=(condition,)))
    text = note_sentences.sentence(language("de"), node)
    assert text == f"die Nachricht bittet um Bewertungen{told}"


def test_messages_that_share_all_of_it_stand_together() -> None:
    tops = [text for depth, text in lines(note(*EXPLANATIONS)) if depth == 0]
    assert len(tops) == 1
    assert all(f"({ident})" in tops[0] for ident in ("m-1", "m-2", "m-3"))


@pytest.mark.parametrize("locale", reports.LOCALES)
@pytest.mark.parametrize("standing", ["stated", "derived", "inferred", "broadcast", "unexplained"])
def test_what_is_read_to_a_customer_never_says_what_only_colleagues_may_read(
    standing: str, locale: str
) -> None:
    told = " ".join(
        aloud(explanation("m-1", "2026-01-20T07:00:00Z", standing), PICTURE, locale=locale)
    ).lower()
    assert language(locale).date("2026-01-20T07:00:00Z").lower() in told
    assert not [word for word in FORBIDDEN if word in told]


def test_it_reads_like_the_reply() -> None:
    ending = explanation("m-1", "2026-01-20T07:00:00Z", until="2026-12-01T00:00:00Z", until_basis="defined")
    told = aloud(ending, PICTURE)
    reply = reports.reply(PICTURE, [finding(count=1, total=1)], [ending]).sections
    said = {text for one in reply for text in (*one.paragraphs, *one.items)}
    assert told[1] in said
    assert {" ".join(text.removeprefix("– ").split()) for text in told[2:3]} <= {
        " ".join(reports.document.one_line(text).split()) for text in said
    }
    assert "by themselves on 1 December 2026" in told[-1]
    assert told[-1] in said


@pytest.mark.parametrize("check", ["sensitive-inference", "life-changed", "shared-account", "by-likeness"])
def test_nothing_is_read_out_where_privacy_or_care_must_answer(check: str) -> None:
    with pytest.raises(InputError, match="hand this case over to privacy"):
        aloud(EXPLANATIONS[0], picture(findings=(finding(check),)))


@pytest.mark.parametrize(
    "because",
    [
        [reason("could be: searched “prenatal vitamins”", "s-1", act="products_searched", thing="x", at="2026-01-01T00:00:00Z", sensitive=True)],
        [reason("it touches a sensitive topic; hand to privacy", hand_over="sensitive topic")],
    ],
)  # fmt: skip
def test_nothing_is_read_out_that_touches_a_sensitive_topic(because: list[Any]) -> None:
    with pytest.raises(InputError, match="privacy"):
        aloud(explanation("m-1", "2026-01-20T07:00:00Z", because=because), PICTURE)


def subject(kind: Any, ident: str) -> WhyDocument:
    told = explanation(ident, "2026-01-20T07:00:00Z")
    return replace(told, subject=replace(told.subject, type=kind, id=ident, title="Beauty lovers"))


def test_a_segment_is_told_without_its_name_and_what_only_we_derive_is_not_told_at_all() -> None:
    told = aloud(subject("segment", "beauty-lovers"), _since(PICTURE))
    assert told[0].startswith("Since 5 November 2025 our records have you in a group")
    assert "beauty" not in " ".join(told).lower()
    reasons = {
        "segment": "the sender recorded no such group|which groups the sender had",
        "item": "the customer did not see this",
    }
    for kind, ident in (("segment", "lapsed"), ("item", "files")):
        with pytest.raises(InputError, match=reasons[kind]):
            aloud(subject(kind, ident), _since(PICTURE))
    unshown = replace(PICTURE.coverage, absent=(*PICTURE.coverage.absent, "recommendation_shown"))
    with pytest.raises(InputError, match="what was shown is not in this data"):
        aloud(subject("item", "files"), replace(_since(PICTURE), coverage=unshown))


@pytest.mark.parametrize(
    ("locale", "looked"),
    [
        ("en", "You looked at “Strap” on 5 March 2026."),
        ("de", "Sie haben sich am 5. März 2026 „Strap“ angesehen."),
    ],
)
def test_of_what_was_shown_nothing_is_told_that_came_after(locale: str, looked: str) -> None:
    def leaf(ident: str, act: str, thing: str) -> Any:
        return reason(act, ident, act=act, thing=thing, at="2026-03-05T10:00:00Z", times=1)

    log = reason(
        "it was shown",
        "v",
        "s",
        because=(leaf("v", "product_viewed", "Strap"),),
        strategy="inspired_by_browsing",
    )
    today = reason(
        "we give it too", "o", because=(leaf("o", "order_completed", "Bag"),), strategy="also_bought"
    )
    item = replace(PICTURE.recommendations[0], item_id="x100", title="Camera", logged=True, shown=("s",))
    whole = replace(PICTURE, recommendations=(item,))
    told = replace(subject("item", "x100"), because=(log, today))
    said = " ".join(aloud(told, whole, locale=locale))
    assert looked in said
    assert "Bag" not in said
    noted = reports.internal(whole, [], [], locale=locale).written("txt")
    assert ("by our definition" if locale == "en" else "unserer Definition") not in noted.split("Camera")[
        0
    ].splitlines()[-1]


def _since(picture: CustomerPicture) -> CustomerPicture:
    since = datetime(2025, 11, 5, tzinfo=UTC)
    return replace(picture, segments=tuple(replace(one, since=since) for one in picture.segments))


def test_a_finding_is_told_as_the_reply_begins() -> None:
    told = aloud(subject("finding", "f_repeat-after-purchase"), picture(findings=(finding(),)))
    assert told[0] == "We sent you 3 e-mails, the first on 18 November 2025 and the last on 17 March 2026."
    assert told[1] == "We should have waited until you could need it again."


def sent(*days: int) -> pl.DataFrame:
    start = datetime(2026, 9, 7, 8, tzinfo=UTC)  # a Monday
    rows = [
        {"event_id": f"m-{at}", "customer_id": "c", "occurred_at": start + timedelta(days=at), "kind": "message_sent", "message_id": f"m-{at}"}
        for at in days
    ]  # fmt: skip
    bought = {
        "event_id": "o-1",
        "customer_id": "c",
        "occurred_at": start,
        "kind": "order_completed",
        "item_name": HOSTILE,
    }
    return events(bought, *rows)


def test_mails_are_counted_by_week_and_what_they_rest_on_is_marked() -> None:
    made = weekly(sent(1, 2, 15), AT, ["m-1", "o-1"], ["m-2", "m-15"])
    assert [(week.start, week.messages) for week in made.weeks if week.messages] == [
        (date(2026, 9, 7), 2),
        (date(2026, 9, 21), 1),
    ]
    assert made.told == {date(2026, 9, 7): 1, date(2026, 9, 21): 1}
    assert [mark.at for mark in made.marks] == [datetime(2026, 9, 7, 8, tzinfo=UTC)]


@pytest.mark.parametrize("locale", of_notes())
def test_the_chart_is_one_picture_without_scripts_that_is_told_in_words_too(locale: str) -> None:
    chart = weekly(sent(1, 2, 15), AT, ["o-1"], ["m-2"])
    page = reports.internal(PICTURE, [], [], chart=chart, locale=locale).written("html")
    (drawn,) = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    root = ET.fromstring(drawn)
    assert {one.tag for one in root.iter()} <= {"svg", "title", "desc", "g", "rect", "line", "path", "text"}
    assert "3 " in root.findtext("desc", "")
    assert "script" not in page.replace("&lt;script", "").replace("&lt;/script", "")
    made = json.loads(reports.internal(PICTURE, [], [], chart=chart, locale=locale).written("json"))
    (table,) = [one["table"] for one in made["sections"] if one["table"]]
    weeks = {"en": ("2026-09-07", "2026-09-21"), "de": ("07.09.2026", "21.09.2026")}[locale]
    assert table["rows"] == [[weeks[0], "2", "1"], [weeks[1], "1", "0"]]


def test_who_was_sent_nothing_gets_no_chart() -> None:
    chart = weekly(sent(), AT, [])
    assert "<svg" not in reports.internal(PICTURE, [], [], chart=chart).written("html")


@pytest.mark.parametrize("locale", of_notes())
def test_the_note_of_the_nail_clipper_holds_finding_tree_and_counterfactual(
    scenes: Path, locale: str
) -> None:
    made = documents.report(Workspace.open(scenes), "scene-01-nail-clipper", locale=locale)
    text = made.written("md")
    assert "without o-1841" in text or "ohne o-1841" in text
    assert "bought Nail clipper, steel on 2025-11-04" in text or "Gekauft „Nail clipper, steel“" in text
    assert "<svg" in made.written("html")


ODD = {
    "order_id": "o-7", "at": "2026-02-12T19:12:00Z", "score": 3.1, "percentile": 4.0, "common": None, "hard": False, "signs": [],
    "text": f"The order of 2026-02-12 ({HOSTILE}): 1 of this account's 9 other orders are nearer.",
    "because": [{"item_id": "lipstick", "title": "Lipstick", "score": 2.0, "text": "nothing else here lies in Beauty",
                 "times": 0, "others": 0, "kind": "Beauty", "mostly": None, "share": 0.01}],
    "evidence": ["e-7", "e-8"], "things": 1, "others": 12, "new": 1, "kinds": ["Beauty"], "hour": None,
    "suggested_rule": {},
}  # fmt: skip


@pytest.mark.parametrize("locale", ["en", "de"])
@pytest.mark.parametrize("form", ["md", "html", "json"])
@pytest.mark.parametrize("hard", [True, False])
def test_a_note_holds_what_is_out_of_pattern_as_a_hint(locale: str, form: str, hard: bool) -> None:
    odd = msgspec.convert(ODD | {"hard": hard}, OutOfPattern)
    text = reports.internal(picture(out_of_pattern=(odd,)), [finding()], [], locale=locale).written(form)
    said = {"en": "no sign was recorded", "de": "kein erfasstes Zeichen"}[locale]
    assert (said in text) != hard
    for told in (
        {"en": "nothing else here lies in Beauty", "de": "„Lipstick“"}[locale],
        {"en": "it is order o-7", "de": "es ist die Bestellung „o-7“"}[locale],
        {"en": "no finding", "de": "kein Befund"}[locale],
    ):
        assert told in text
    plain = reports.internal(PICTURE, [finding()], [], locale=locale).written(form)
    assert {"en": "usual pattern", "de": "Abseits des Gewohnten"}[locale] not in plain


def test_a_note_counts_what_its_findings_count_and_names_rules_by_their_titles(scenes: Path) -> None:
    ws = Workspace.open(scenes)
    note = documents.report(ws, "scene-06-forty-a-day").written("md")
    assert "Of the 36 messages of this finding that were too many the newest 12 are looked at" in note
    weeks = re.findall(r"^\| 2026-\S+ \| (\d+) \| (\d+) \|$", note, re.MULTILINE)
    assert [week for week in weeks if week[1] != "0"] == [("41", "38")], "36 too many, 2 more sent again"
    assert (
        "of these, in at least one breach or risk, each counted once (of one that says how many were too many: those)"
        in note
    )
    assert "“At most three marketing mails a week” would have stopped 12 of the 12 messages looked at" in note
    assert "one other rule that is on would have stopped none of them" in note
    assert "“Feast days at Larkfield” (9)" in note
    quiet = documents.report(ws, "scene-04-bereaved-parents", locale="de").written("md")
    assert "keine der 2 geltenden Regeln hätte eine der 12 hier betrachteten Nachrichten gestoppt" in quiet
    assert "Nichts zu ‚Baby‘ aus ‚Growing up‘ innerhalb von 365 Tagen" in quiet
    assert "E-Mails, 6. Mai" in quiet and "· „Growing up“: 14 E-Mails" in quiet
