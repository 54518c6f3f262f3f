"""What one role is told: decided event by event and field by field; counts stay, and what stands in turns back."""

from dataclasses import dataclass

import polars as pl
import pytest

from audit.events.document import Document
from audit.privacy.role_view import MARK, RoleView
from audit.why.model import LifeChange, Reason
from tests import build

ROWS = (
    {"kind": "products_searched", "query": "prenatal vitamins"},
    {
        "kind": "message_sent",
        "campaign_id": "stork-club",
        "subject": "For the big day",
        "topics": ["pregnancy"],
    },
    {"kind": "message_clicked", "campaign_id": "stork-club"},
    {
        "kind": "message_sent",
        "campaign_id": "weekly-news",
        "subject": "For the big day",
        "topics": ["garden"],
    },
    {"kind": "segment_entered", "segment_id": "expecting-parents"},
    {"kind": "order_completed", "item_id": "rake-1", "item_name": "Rake", "category": "Garden"},
    {"kind": "registry_closed", "category": "Baby", "reason": "stillbirth", "list_id": "baby-registry"},
)
EVENTS = build.events(*({**row, "at": f"2026-03-0{day}T08:00"} for day, row in enumerate(ROWS, start=1)))


class Counts(Document):
    by_campaign: dict[str, int]
    title: str
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Page:
    frame: pl.DataFrame
    counts: Counts


@pytest.fixture
def view() -> RoleView:
    view = RoleView(names_sensitive=False, key="k")
    view.learn(EVENTS)
    view.learn_ids(EVENTS)
    return view


def test_a_role_that_is_told_everything_gets_what_there_is() -> None:
    view = RoleView()
    view.learn(EVENTS)
    assert view.events(EVENTS) is EVENTS
    assert view.text("prenatal vitamins") == "prenatal vitamins"


def test_each_event_keeps_what_says_nothing(view: RoleView) -> None:
    rows = view.events(EVENTS).to_dicts()
    assert [row["event_id"] for row in rows] == EVENTS["event_id"].to_list()
    assert rows[0]["query"] == MARK
    assert (rows[1]["campaign_id"], rows[1]["topics"]) == (MARK, [MARK])
    assert rows[2]["campaign_id"] == MARK, "a click names only its campaign"
    assert rows[1]["subject"] == rows[3]["subject"] == "For the big day", "it stands over other mails too"
    assert (rows[3]["campaign_id"], rows[3]["topics"]) == ("weekly-news", ["garden"])
    assert rows[4]["segment_id"] == MARK
    assert {name: value for name, value in rows[5].items() if value is not None} == {
        name: value for name, value in EVENTS.row(5, named=True).items() if value is not None
    }


def test_what_changed_a_life_is_not_told_at_all(view: RoleView) -> None:
    row = view.events(EVENTS).row(6, named=True)
    assert (row["kind"], row["category"], row["reason"], row["list_id"]) == (MARK, None, None, None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("searched for “prenatal vitamins” twice", f"searched for “{MARK}” twice"),
        ("Sent by stork-club (4) and weekly-news (2).", f"Sent by {MARK} (4) and weekly-news (2)."),
        ("Sent by The Stork Club", f"Sent by The {MARK}"),
        ("no mail of segment:expecting-parents", f"no mail of {MARK}"),
        ("about Prenatal, or PREGNANCY", f"about {MARK}, or {MARK}"),
        ("a patient answer of c_gayx12qd; 3 mails, 12 %", "a patient answer of c_gayx12qd; 3 mails, 12 %"),
        ("Entschuldigung für die Umstandsmode", f"Entschuldigung für die {MARK}"),
    ],
)
def test_a_sentence_loses_the_names_alone(view: RoleView, text: str, told: str) -> None:
    assert view.text(text) == told
    assert view.text(told) == told


def test_ids_have_stand_ins_that_turn_back(view: RoleView) -> None:
    campaign, rule = view.text("stork-club"), view.text("nothing-for-expecting-parents")
    assert campaign.startswith("withheld-")
    assert campaign != rule
    assert view.meant({"campaigns": [campaign], "id": rule}) == {
        "campaigns": ["stork-club"],
        "id": "nothing-for-expecting-parents",
    }
    assert RoleView(names_sensitive=False, key="other").text("expecting-x") != RoleView(
        names_sensitive=False, key="k"
    ).text("expecting-x")


def test_a_rule_that_is_about_such_a_thing_has_no_name(view: RoleView) -> None:
    assert view.learn_rule("hush", "Silence for a while", ["stork-club"])
    assert not view.learn_rule("rakes", "No rakes", ["Garden"])
    assert view.text("Silence for a while: hush, rakes") == f"{MARK}: {MARK}, rakes"
    assert view.meant(view.text("hush")) == "hush"


def test_answers_of_every_shape_are_told_and_their_counts_add_up(view: RoleView) -> None:
    counts = Counts(
        by_campaign={"Baby Names": 4, "baby names": 2, "weekly-news": 3},
        title="Pregnancy tests",
        ids=("m-1", "m-2"),
    )
    page = view.shown(Page(EVENTS.select("query", "event_id"), counts))
    assert page.counts.by_campaign == {MARK: 6, "weekly-news": 3}
    assert (page.counts.title, page.counts.ids) == (MARK, ("m-1", "m-2"))
    assert page.frame["query"].drop_nulls().to_list() == [MARK]
    assert page.frame["event_id"].to_list() == EVENTS["event_id"].to_list()


def test_words_and_numbers_of_our_own_stay_whatever_a_source_calls_by_them() -> None:
    events = build.events(
        {
            "kind": "message_sent",
            "campaign_id": "email",
            "item_id": "42",
            "topics": ["health"],
            "at": "2026-03-01T08:00",
        }
    )
    view = RoleView(names_sensitive=False)
    view.learn(events)
    assert view.shown({"channel": "email", "count": "42"}) == {"channel": "email", "count": "42"}


def test_what_was_marked_comes_back_in_its_place_alone(view: RoleView) -> None:
    rule = {
        "id": "hush-the-stork-club",
        "title": "Silence about prenatal vitamins",
        "note": "about Babynamen",
    }
    told = view.shown(rule)
    assert (told["title"], told["note"]) == (f"Silence about {MARK}", f"about {MARK}")
    edited = {"kind": "set", "id": told["id"], "keys": {**told, "limit": 3}}
    assert view.meant(edited)["keys"] == {**rule, "limit": 3}
    assert view.meant({"id": "another", "note": MARK}) == {"id": "another", "note": MARK}


def test_a_name_that_is_withheld_has_to_come_as_its_stand_in(view: RoleView) -> None:
    assert view.guesses("stork-club")
    assert not view.guesses("weekly-news")
    assert view.meant(view.text("stork-club")) == "stork-club"
    assert not view.guesses("stork-club")


def test_a_name_that_is_withheld_has_no_place_in_the_alphabet(view: RoleView) -> None:
    assert list(view.shown({"a": 1, "stork-club": 2, "z": 3})) == ["a", "z", view.text("stork-club")]


def test_what_a_document_declares_sensitive_is_withheld_whole(view: RoleView) -> None:
    reason = Reason("life changed", because=(LifeChange("the customer died", ("e",)),))
    (leaf,) = view.shown(reason).because
    assert (leaf.text, leaf.events) == (MARK, ("e",))
    assert RoleView().shown(reason) is reason
