"""The timeline, the verdict and the explanation say what the events and documents say, and nothing else."""

from datetime import UTC, date, datetime

import pytest
from msgspec.structs import replace

from audit.findings import Unanswered
from audit.findings.registry import CHECKS
from audit.queries.customer import CustomerPicture
from audit.queries.findings_documents import SuggestedEffect
from audit.rules.book.documents import CoveringRule
from audit.rules.replay.outcomes import share
from audit.rules.replay.totals import Displacement, RatesBeside, StoppedWanted
from audit.why import Facts, Reason
from tests.build import events
from tests.tui.canned import RULE, FakeSession
from tui.rendering import timeline, verdict_text, what_if_diff
from tui.rendering.explanation import lines, sentences, title
from tui.rendering.replay_summary import displacement, figures
from tui.screens.base import layout_for
from tui.screens.report import readable
from tui.session.view_models import Subject, Verdict
from tui.widgets.decision_lists import segment_item
from tui.widgets.text import says

MAIL = {
    "kind": "message_sent",
    "message_id": "m1",
    "subject": "Deals",
    "channel": "email",
    "at": "2026-03-02T09:00",
}


def shown(*rows: dict[str, object]) -> list[tuple[str, str, str]]:
    return timeline.rows(events(*rows)).select("sign", "what", "note").rows()


# -- timeline ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("act", "note"),
    [
        (None, "–"),
        ({"kind": "message_clicked"}, "clicked"),
        ({"kind": "message_opened"}, "opened"),
        ({"kind": "message_opened", "machine": True}, "machine open"),
        ({"kind": "message_clicked", "machine": True}, "machine click"),
        (
            {"kind": "message_clicked", "machine": True, "attributes": '{"machine_flag":"likely a scanner"}'},
            "likely a scanner",
        ),
        ({"kind": "message_bounced"}, "bounced"),
        ({"kind": "message_complained"}, "complained"),
    ],
)
def test_a_message_is_one_row_with_what_happened_to_it(act: dict[str, object] | None, note: str) -> None:
    rows = [MAIL] if act is None else [MAIL, {**act, "message_id": "m1", "at": "2026-03-02T10:00"}]
    assert shown(*rows) == [("✉", "Deals", note)]


def test_eighteen_device_rows_are_one_message_and_all_its_events_belong_to_it() -> None:
    made = timeline.rows(events(*[MAIL | {"device_id": str(at)} for at in range(18)]))
    assert made.height == 1
    assert len(made["events"][0]) == 18


def test_a_message_that_was_not_sent_says_so() -> None:
    assert shown(MAIL | {"kind": "message_suppressed"}) == [("✉", "Deals", "not sent")]
    assert shown(MAIL | {"kind": "message_attempted"}) == [("✉", "Deals", "attempted")]


def test_a_click_on_a_message_nobody_saw_sent_is_not_lost() -> None:
    (row,) = shown({"kind": "message_clicked", "message_id": "x", "at": "2026-03-02T09:00"})
    assert row[1] == "message clicked"


def test_other_channels_are_named() -> None:
    assert shown(MAIL | {"channel": "push"}) == [("✉", "Deals (push)", "–")]


def test_what_a_customer_did_is_said_with_sign_verb_and_thing() -> None:
    made = shown(
        {
            "kind": "order_completed",
            "item_name": "Nail clipper",
            "price": 8.9,
            "currency": "EUR",
            "gift": True,
            "at": "2026-01-05",
        },
        {"kind": "products_searched", "query": "baby names", "at": "2026-01-04"},
        {"kind": "unsubscribed", "channel": "email", "at": "2026-01-03"},
    )
    assert made == [
        ("●", "bought Nail clipper (a gift)", "8.90 EUR"),
        ("?", "searched baby names", ""),
        ("✕", "unsubscribed", "email"),
    ]


def test_the_timeline_is_newest_first_and_nothing_of_the_history_is_missing() -> None:
    frame = events(
        MAIL,
        {"kind": "product_viewed", "at": "2026-03-03"},
        {"kind": "message_opened", "message_id": "z", "at": "2026-03-01"},
    )
    made = timeline.rows(frame)
    assert made["at"].is_sorted(descending=True)
    assert sorted(event for row in made["events"] for event in row) == sorted(frame["event_id"])


def test_weeks_count_sent_messages_and_mark_what_else_happened() -> None:
    frame = events(
        MAIL,
        MAIL | {"message_id": "m2", "at": "2026-03-08T23:59"},
        MAIL | {"message_id": "m3", "kind": "message_suppressed"},
        {"kind": "order_completed", "at": "2026-02-16"},
    )
    made = timeline.weeks(frame, datetime(2026, 3, 12, tzinfo=UTC))
    assert [(week.start, week.messages, week.signs) for week in made] == [
        (date(2026, 2, 16), 0, "●"),
        (date(2026, 2, 23), 0, ""),
        (date(2026, 3, 2), 2, ""),
        (date(2026, 3, 9), 0, ""),
    ]


def test_no_history_has_no_weeks() -> None:
    assert timeline.weeks(events(MAIL).clear(), datetime(2026, 3, 12, tzinfo=UTC)) == ()


# -- verdict ----------------------------------------------------------------------------------------------------------


def document(*findings: dict[str, object]) -> CustomerPicture:
    canned = FakeSession().picture("c_1", ()).document
    counts = replace(canned.messages, sent=14, clicked=1)
    return replace(
        canned, findings=tuple(replace(canned.findings[0], **one) for one in findings), messages=counts
    )


EFFECT = SuggestedEffect(
    stops=11, of=11, messages=12, wanted=StoppedWanted(opened=0, responded=1, converted=0), last_resort=False
)
FINDING = {
    "verdict": "risk",
    "severity": "high",
    "text": "11 mails.",
    "suggested_rule": RULE,
    "suggested_effect": EFFECT,
    "messages": ["m1"],
}
WHY = replace(
    FakeSession().explain("c_1", Subject("message", "m"), ()),
    because=(
        Reason("it is about nails", facts=Facts(about="nails")),
        Reason("could be: bought one", facts=Facts(act="order_completed")),
    ),
)


def test_the_verdict_names_cause_senders_end_and_remedy() -> None:
    made = verdict_text.whole(document(FINDING), WHY, {"a": 7, "b": 4})
    assert says(made).plain.splitlines() == [
        "▲ high  11 mails.",
        "Could be: bought one. Sent by a (7), b (4).",
        "Nothing in this data says when it stops.",
        "→ The rule “No mails about what was just bought” would have stopped 11 of 11.",
    ]


def test_a_mute_of_one_customer_says_that_it_is_the_last_resort() -> None:
    made = verdict_text.quick(document(FINDING | {"suggested_effect": replace(EFFECT, last_resort=True)}))
    assert made.remedy.endswith("11 of 11. Last resort: the flow goes on for everybody else.")


def test_a_rule_of_the_book_that_covers_it_is_named_in_place_of_another() -> None:
    covered = CoveringRule(
        id="cap", title="A cap", version=2, since=datetime(2026, 6, 1, tzinfo=UTC),
        stops=9, of=11, together=11, sent_since=0,
    )  # fmt: skip
    made = verdict_text.quick(document(FINDING | {"suggested_rule": None, "covered_by": covered}))
    assert (
        made.remedy
        == "Already covered by cap, on since 2026-06-01: it stops 9 of 11, with the other rules 11; not handed over yet."
    )


@pytest.mark.parametrize(
    ("standing", "fact", "text", "said"),
    [
        (
            "stated",
            Facts(trigger="cart"),
            "the sender recorded cart_abandoned",
            "The sender recorded cart_abandoned.",
        ),
        (
            "derived",
            Facts(trigger="cart"),
            "our definition gives it: cart left",
            "Our definition gives it: cart left.",
        ),
        (
            "broadcast",
            Facts(list_id=None),
            "on this list from 2025 on",
            "Sent to a list: on this list from 2025 on.",
        ),
        (
            "unexplained",
            Facts(covered=False),
            "nothing in this data explains it",
            "Unexplained: nothing in this data explains it.",
        ),
    ],
)
def test_the_words_follow_the_standing(standing: str, fact: Facts, text: str, said: str) -> None:
    made = verdict_text.whole(
        document(FINDING),
        replace(WHY, standing=standing, because=(Reason(text, facts=fact),)),
        {},
    )
    assert made.causes == said


def test_an_end_is_a_day_if_nothing_new_happens() -> None:
    made = verdict_text.whole(
        document(FINDING), replace(WHY, until_text="It stops on 2027-01-02 if nothing new happens."), {}
    )
    assert made.ends == "It stops on 2027-01-02 if nothing new happens."


def test_more_campaigns_than_are_named_are_counted() -> None:
    made = verdict_text.whole(document(FINDING), WHY, {"a": 4, "b": 3, "c": 2, "d": 1, "e": 1})
    assert made.causes.endswith("Sent by a (4), b (3), c (2) and 2 more.")


def test_what_the_sentence_says_by_itself_is_not_said_before_it_again() -> None:
    untold = Reason("this data cannot tell: nothing says what it is about; the campaign map can", ())
    made = verdict_text.whole(document(FINDING), replace(WHY, standing="cannot_tell", because=(untold,)), {})
    assert made.causes.startswith("This data cannot tell: nothing says")


def test_of_what_was_too_many_a_rule_stops_a_part_of_that() -> None:
    effect = replace(EFFECT, stops=2, of=3)
    made = verdict_text.quick(document(FINDING | {"excess": 3, "suggested_effect": effect}))
    assert made.remedy.endswith("would have stopped 2 of the 3 too many.")


def test_what_cannot_be_told_is_no_verdict_and_no_compliance() -> None:
    made = verdict_text.quick(document(FINDING | {"verdict": "cannot_tell"}))
    told = f"14 mails, 1 with a click recorded; {len(CHECKS) - 1} of {len(CHECKS)} checks found nothing"
    open_question = "this data cannot answer: messages about what was already bought"
    assert made == Verdict("", f"{told}; {open_question}")


def test_a_verdict_without_a_message_in_the_data_says_so_and_nothing_else() -> None:
    lack = Unanswered(check="over-frequency", lacks="kinds", how="import", kinds=("message_sent",))
    made = verdict_text.quick(replace(document(), unanswered=(lack,)))
    assert made.text.startswith("This data holds no messages")
    assert "0 mails" not in made.text, "a count of none would say that none were sent"
    assert "found nothing" not in made.text
    assert "found anything" not in made.text


# -- explanation --------------------------------------------------------------------------------------------------------


def test_an_explanation_reads_from_the_cause_to_the_end_to_what_would_change_it() -> None:
    made = FakeSession().explain("c_1", Subject("message", "m"), ())
    said = [line.says.plain for line in lines(sentences(made), 60)]
    assert said[0] == "├ it is about Beauty > Nails (Nail clipper)"
    assert said[1].startswith("├ could be: bought Nail clipper on 2025-11-04")
    assert said[2] == "│ └ no order since"
    assert "├ ends: Nothing in this data says when it stops." in said
    assert "├ without this event: the segment would not be there" in said
    assert said[-1].startswith("  └ ✓ until-repurchase")
    assert (
        title(made).plain
        == "✉ Nail clipper deals · 2026-11-03 09:00\ninferred: could be; all candidates are listed"
    )


@pytest.mark.parametrize("width", [20, 33, 60, 200])
def test_no_sentence_is_cut_at_any_width(width: int) -> None:
    made = FakeSession("a very long name of a thing " * 4).explain("c_1", Subject("message", "m"), ())
    said = " ".join(line.says.plain for line in lines(sentences(made), width))
    words = " ".join(char for char in said.replace("│", " ").replace("├", " ").replace("└", " ").split())
    assert made.because[0].text.strip() in words
    assert all(
        len(part) <= max(width, 16)
        for line in lines(sentences(made), width)
        for part in line.says.plain.split("\n")
    )


def test_every_event_of_the_tree_can_be_pointed_at() -> None:
    made = FakeSession().explain("c_1", Subject("message", "m"), ())
    pointed = {event for line in lines(sentences(made), 60) for event in line.events}
    assert set(made.evidence) <= pointed


# -- comparison, figures, layouts ---------------------------------------------------------------------------------------


def test_what_falls_away_stays_in_its_place_and_what_is_new_comes_after() -> None:
    segment = FakeSession().picture("c_1", ()).segments[0]
    before, after = ([replace(segment, id=name) for name in names] for names in ("ab", "bc"))
    assert [(one.id, mark) for one, mark in what_if_diff.merged(before, after, what_if_diff.by_id)] == [
        ("a", "gone"), ("b", ""), ("c", "new"),
    ]  # fmt: skip


def test_left_out_wins_over_every_other_mark() -> None:
    given = what_if_diff.Derivable(frozenset({"m1", "m2"}), frozenset({"m3"}))
    made = what_if_diff.marks(("e1", "m1"), given, ("e1", "e2"), {"open-2": "m2"})
    assert made == {"e1": "out", "m1": "out", "m2": "gone", "m3": "new", "e2": "evidence"}


def test_rates_that_nothing_is_known_of_are_a_dash_and_no_zero() -> None:
    replay = FakeSession().replay({"id": "x"}, None)
    rates = replace(replay.rates.stopped, complaint=share(0, 0))
    replay = replace(replay, rates=RatesBeside(stopped=rates, let_through=rates, random_same_number=rates))
    row = next(row for row in figures(replay).plain.splitlines() if row.startswith("complained"))
    assert row.split() == ["complained", "–", "–", "–"]


def test_a_shortened_list_of_displacements_says_how_many_there_are() -> None:
    pairs = tuple(Displacement(by=f"a{at}", stopped="b", n=at) for at in range(20))
    assert displacement(pairs).plain.splitlines()[0] == "Who displaced whom  8 of 20"
    assert displacement(pairs).plain.splitlines()[1] == "19  a19 → b"


@pytest.mark.parametrize(
    ("size", "layout"),
    [
        ((80, 24), "-small"),
        ((120, 36), "-medium"),
        ((160, 50), "-large"),
        ((200, 24), "-small"),
        ((200, 36), "-medium"),
        ((40, 60), "-small"),
    ],
)
def test_there_are_three_layouts_and_a_wide_low_window_is_not_large(
    size: tuple[int, int], layout: str
) -> None:
    assert layout_for(*size) == layout


def test_a_report_is_read_without_its_marks() -> None:
    made = readable(
        '# Case note\n\n## Why\n\n- a\\_b \\*c\\*\n\n```toml\nid = "x\\_y"\n```\n[@click=app.quit]x'
    )
    assert made.plain.split("\n") == [
        "Case note",
        "",
        "Why",
        "",
        "- a_b *c*",
        "",
        '    id = "x\\_y"',
        "[@click=app.quit]x",
    ]
    assert [made.plain[span.start : span.end] for span in made.spans] == ["Case note", "Why"]


def test_a_segment_of_which_nobody_says_what_it_rests_on_says_so() -> None:
    logged = FakeSession().picture("c_1", ()).segments[-1]
    item = segment_item(replace(logged, basis=None, purpose=None, until_why="logged"), "")
    assert "no basis stated · no purpose stated" in item.says.plain
