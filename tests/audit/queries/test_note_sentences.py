"""A German note says of acts, messages and what did not happen exactly what the English sentences say."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import UNSET, structs

from audit.population.audience import AtEqualBreadth, SetsApart
from audit.privacy.role_view import RoleView
from audit.queries.documents import _told_causes
from audit.queries.reports import note_sentences
from audit.queries.reports.case_facts import Behind
from audit.queries.reports.language import language
from audit.queries.reports.weekly import section, weekly
from audit.why import flow_check
from audit.why.model import (
    Absence,
    AudienceFacts,
    BreadthFacts,
    CountedFacts,
    Facts,
    FlowCondition,
    Reason,
    SegmentFacts,
)
from audit.why.reasons import further, grouped
from audit.why.related_acts import LEVELS
from audit.why.wording import Wording
from tests.audit.queries.test_report import finding
from tests.build import events

GERMAN = language("de")
FIRST, LAST = datetime(2026, 3, 24, tzinfo=UTC), datetime(2026, 9, 8, tzinfo=UTC)


def german(facts: Facts, absent: Absence | None = None) -> str:
    return note_sentences.sentence(GERMAN, Reason("", absent=absent, facts=facts))


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (
            CountedFacts(number=4, first=FIRST, last=LAST),
            "4 Nachrichten, 24. März 2026 bis 8. September 2026",
        ),
        (CountedFacts(number=1, first=FIRST, last=FIRST), "1 Nachricht, 24. März 2026"),
        (CountedFacts(number=4, titles=("A", "B", "C", "D")), "4 Nachrichten („A“, „B“ und andere)"),
        (CountedFacts(number=4, titles=("A", "B", "C")), "4 Nachrichten („A“, „B“ und „C“)"),
        (
            CountedFacts(number=5, first=FIRST, last=FIRST, excess=4),
            "5 Nachrichten, 24. März 2026, davon 4 zu viel",
        ),
        (CountedFacts(number=2, channel="sms", first=FIRST, last=FIRST), "2 SMS-Nachrichten, 24. März 2026"),
        (CountedFacts(counted="acts", number=2, first=FIRST, last=FIRST), "2 Handlungen, 24. März 2026"),
    ],
)
def test_what_was_counted_is_named_with_its_days(facts: CountedFacts, said: str) -> None:
    assert german(facts) == said


def test_what_sets_recipients_apart_is_told_with_both_shares() -> None:
    fact = SetsApart(
        what="bought", value="Baby > Food", level=2, item_id=None, window="90d", recipients=82, recipients_share=0.82,
        others=None, others_share=None, at_equal_breadth=None, lift=None, interval=None, p_adjusted=None, median_days_before=3.0,
        sensitive=False, topic=None,
    )  # fmt: skip
    few = "82 % derer, die sie bekamen, hatten in den 90 Tagen davor „Baby > Food“ gekauft; von den anderen weniger als 11 Menschen"
    assert german(AudienceFacts(audience=fact)) == few
    act = AudienceFacts(
        act="order_completed", thing="Jars", at=FIRST, audience=structs.replace(fact, others_share=0.005)
    )
    assert german(act).startswith("Gekauft „Jars“, 24. März 2026 00:00; 82 % derer")
    assert german(act).endswith("von den anderen 0,5 %")


def test_that_a_campaign_went_to_those_who_buy_many_things_is_told_with_three_numbers() -> None:
    breadth = AtEqualBreadth(
        act="bought", window="365d", kinds=1320, others_kinds=44, others_share=0.8, holds=False
    )
    assert german(BreadthFacts(breadth=breadth, customer_kinds=120)) == (
        "die Kampagne ging an Menschen, die viel Verschiedenes kaufen: In den 365 Tagen davor hatte die Hälfte derer, die sie "
        "bekamen, 1.320 oder mehr verschiedene Arten von Dingen gekauft, die Hälfte der anderen 44 oder mehr; dieses Kundenkonto 120"
    )
    none = structs.replace(breadth, act="searched", others_kinds=0)
    assert german(BreadthFacts(breadth=none, customer_kinds=0)).endswith(
        "Dingen gesucht, die meisten anderen nichts; dieses Kundenkonto nichts"
    )


@pytest.mark.parametrize(
    ("source", "said"), [("first_party", "Gekauft"), ("inferred", "Ohne Bestellung geschickt")]
)
def test_what_nobody_ordered_was_not_bought(source: str, said: str) -> None:
    order = {"kind": "order_completed", "at": "2026-05-06", "item_name": "Tool set", "source": source}
    (leaf,) = grouped(Wording(), events(order).to_dicts())
    assert note_sentences.sentence(GERMAN, leaf).startswith(f"{said} „Tool set“, 6. Mai 2026")


def test_other_orders_do_not_make_it_untrue_that_none_was_of_this() -> None:
    absent = Absence(kinds=("order_completed",), since=FIRST, until=LAST)
    said = german(Facts(thing="Headphones"), absent)
    assert said == "nicht verzeichnet vom 24. März 2026 bis 8. September 2026: Gekauft („Headphones“)"


def test_what_was_not_so_before_a_message_is_said_alike_of_all_of_them() -> None:
    absent = Absence(kinds=("order_completed",), since=FIRST, until=LAST)
    reason = Reason("", absent=absent, facts=Facts(thing="Headphones"))
    said = note_sentences.sentence(GERMAN, reason, LAST)
    assert said == "nicht verzeichnet ab dem 24. März 2026 bis zu dieser Nachricht: Gekauft („Headphones“)"


def test_a_streak_without_a_click_says_nothing_of_the_clicks_on_other_messages() -> None:
    absent = Absence(kinds=("message_clicked",), since=FIRST, until=LAST, on_them=True)
    assert german(Facts(), absent).endswith(": Klick in einer davon")


def test_a_headline_names_things_and_what_a_no_was_about() -> None:
    deals = finding("repeat-after-purchase", subject="makeup-new")
    known = Behind({"email": 3}, name="New in make-up")
    assert "· „New in make-up“: 3 E-Mails" in note_sentences.found(GERMAN, deals, known)
    run = finding("ignored-streak", subject="email")
    known = Behind({"email": 3}, campaigns=("New in make-up", "Deals"))
    assert "Klick · „New in make-up“ und eine weitere Kampagne: 3 E-Mails" in note_sentences.found(
        GERMAN, run, known
    )
    assert "Klick: 3 E-Mails" in note_sentences.found(GERMAN, run, Behind({"email": 3}))
    apart = finding("sensitive-audience", subject="little-one")
    known = Behind({"email": 3}, name="The little one", topic="pregnancy", recipients=17)
    assert "· „The little one“ (Schwangerschaft; 17 Empfänger): 3" in note_sentences.found(
        GERMAN, apart, known
    )
    assert "· „The little one“: 3" in note_sentences.found(GERMAN, apart, replace(known, topic=None))
    no = {
        "kind": "unsubscribed",
        "at": "2026-06-12",
        "sender": "Larkfield Sport",
        "topics": ["sport", "health"],
    }
    (leaf,) = grouped(Wording(), events(no).to_dicts())
    assert leaf.facts is not None
    late = finding("after-opt-out", subject="email", case="wrong_scope")
    said = note_sentences.found(GERMAN, late, Behind({"email": 3}, (leaf.facts,)))
    assert said.startswith("Nachrichten nach einem Nein: 3 E-Mails")
    assert "(Absender „Larkfield Sport“, Thema „sport“)" in said


def test_where_no_act_fits_it_is_not_said_that_there_were_none() -> None:
    absent = Absence(kinds=("order_completed", "product_viewed"), since=None, until=LAST)
    assert german(Facts(covered=True), absent) == "nichts in diesen Daten erklärt es"


@pytest.mark.parametrize(
    ("hours", "leeway", "said"),
    [
        (4, 2, "4 hours after, or up to 2 hours more"),
        (0, 1, "at once, or up to 1 hour later"),
        (4, None, "4 hours or more"),
    ],
)
def test_when_a_step_is_due_adds_up(hours: int, leeway: int | None, said: str) -> None:
    more = None if leeway is None else timedelta(hours=leeway)
    assert flow_check.due_in_words(timedelta(hours=hours), more) == said


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ((2, 9), "never more than 1 in one of them"),
        ((2, 3, 9), "most, 2, in the week of 2026-03-02"),
        ((2, 3, 9, 10, 16), "never more than 2 in one of them"),
    ],
)
def test_no_week_is_called_the_fullest_where_all_are_alike(days: tuple[int, ...], said: str) -> None:
    sent = events(
        *({"kind": "message_sent", "event_id": f"m{day}", "at": f"2026-03-{day:02}"} for day in days)
    )
    chart = weekly(sent, datetime(2026, 3, 20, tzinfo=UTC), sent["event_id"])
    told = section(language("en"), chart)
    assert told is not None
    assert said in told.paragraphs[0]


@pytest.mark.parametrize(
    ("holds", "said"),
    [(False, "✗: der Auslöser war schon beendet"), (True, "✓ traf zu: nichts hatte den Auslöser beendet")],
)
def test_a_condition_that_did_not_hold_is_not_told_as_if_it_had(holds: bool, said: str) -> None:
    assert note_sentences.condition(GERMAN, FlowCondition("not_ended", holds, "")) == said


def test_a_finding_without_messages_counts_none() -> None:
    goods = finding("unrequested-shipment", messages=[], subject="tool-set", to="2025-11-18T07:00:00Z")
    assert (
        note_sentences.found(GERMAN, goods, Behind())
        == "Waren ohne Bestellung · „tool-set“: 18. November 2025"
    )


def test_a_segment_that_was_not_left_is_told_by_its_name_alone() -> None:
    absent = Absence(kinds=("segment_left",), since=FIRST, until=LAST)
    said = german(SegmentFacts(thing="the segment “autos”", segment="autos"), absent)
    assert (
        said
        == "nicht verzeichnet vom 24. März 2026 bis 8. September 2026: Aus einem Segment genommen („autos“)"
    )


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (Facts(further=2), "2 weitere, auf die es zurückgehen könnte"),
        (Facts(life="registry_closed"), "Wunschliste geschlossen"),
        (
            Facts(hand_over="sensitive topic", topic="pregnancy"),
            "es berührt ein sensibles Thema: Schwangerschaft; bitte an den Datenschutz weitergeben",
        ),
        (Facts(about="pregnancy"), "es geht um „Schwangerschaft“"),
        (
            Facts(act="product_viewed", thing="Cameras", at=FIRST, times=2, close=LEVELS[0]),
            "Angesehen „Cameras“, 2-mal, zuletzt am 24. März 2026 00:00 (derselbe Artikel)",
        ),
        (
            CountedFacts(
                number=2,
                first=FIRST,
                last=FIRST,
                why="nothing like it in the {} hours before it",
                figures=(24,),
            ),
            "2 Nachrichten, 24. März 2026: in den 24 Stunden davor kam nichts Gleiches",
        ),
    ],
)
def test_a_german_sentence_says_what_the_english_one_says(facts: Facts, said: str) -> None:
    assert german(facts) == said


def test_how_an_act_is_related_has_a_name_in_german() -> None:
    assert set(LEVELS) == set(GERMAN.texts["close"])


def test_a_german_headline_names_the_act_behind_it() -> None:
    causes = [Facts(act="order_completed", thing="Nail clipper", at=FIRST, times=1)]
    told = note_sentences.found(GERMAN, finding(), Behind({"email": 3}, causes))
    assert told.endswith("; dahinter: Gekauft „Nail clipper“, 24. März 2026 00:00")


def test_mails_that_were_sent_are_told_apart_by_their_subjects() -> None:
    sent = events(
        *(
            {"kind": "message_sent", "at": f"2026-03-0{n}", "subject": name}
            for n, name in ((1, "A"), (2, "B"), (3, "A"))
        )
    )
    assert [leaf.text for leaf in grouped(Wording(), sent.to_dicts())] == [
        "was sent “A”, 2 times, last on 2026-03-03 00:00",
        "was sent “B” on 2026-03-02 00:00",
    ]


def test_the_lines_of_one_order_are_one_purchase() -> None:
    lines = (
        {"kind": "order_completed", "at": f"2026-03-0{day}", "order_id": f"o{day}", "category": "Fruit"}
        for day in (1, 1, 2)
    )
    (leaf,) = grouped(Wording(), events(*lines).to_dicts())
    assert "2 times, last on 2026-03-02" in leaf.text


def test_what_is_withheld_is_not_counted_among_what_could_be() -> None:
    acts = [Reason(f"act {n}", facts=Facts(act="product_viewed", sensitive=n > 4 or UNSET)) for n in range(7)]
    told = _told_causes((*acts[:3], further(tuple(acts[3:]))), RoleView(names_sensitive=False))
    assert [reason.text for reason in told][3:4] == ["2 more that could be"]
    assert (len(told), len(told[3].because)) == (5, 2)
