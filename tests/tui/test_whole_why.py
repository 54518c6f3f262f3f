"""Why, over the whole screen: the tree lights up its evidence, what is left out shows at once what it changes."""

from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import msgspec
import pytest
from msgspec import structs

from audit.errors import NotFoundError
from audit.privacy.roles import Viewer
from audit.why import Reason, WhyDocument
from tests.tui.canned import FakeSession
from tests.tui.conftest import SIZES, Driver, Started
from tui.app import WhysentApp
from tui.rendering.explanation import Sentence
from tui.rendering.full_explanation import different, reasons
from tui.rendering.text import content
from tui.screens.customer import CustomerScreen
from tui.screens.why import PANES, WhyScreen
from tui.session.core import CoreSession
from tui.session.view_models import (
    OfferedText,
    Picture,
    Subject,
)
from tui.widgets.table import Table
from tui.widgets.text import WhatIfBanner

WHY = ("enter", "w")


def marked(driver: Driver, mark: str) -> set[str]:
    table = driver.app.screen.query_one("#history", Table)
    return {key for key, name in table.marks.items() if name == mark}


def outcome(driver: Driver) -> str:
    return driver.app.screen.query_one(WhatIfBanner).says.plain


WAYS = (
    (("w",), Subject("message", "m-11")),
    (("enter",), Subject("message", "m-11")),
    (("tab", "enter"), Subject("message", "m-11")),
    (("tab", "enter"), Subject("segment", "beauty")),
    (("tab", "enter"), Subject("item", "i-2")),
    (("tab", "enter"), Subject("finding", "repeat-after-purchase-beauty")),
    (("tab", "G", "enter"), Subject("event", "o-1841")),
)


async def test_whatever_the_pane_explains_opens_over_the_whole_screen(started: Started) -> None:
    async with started() as driver:
        await driver.press("enter")
        for way, subject in WAYS:
            await driver.press(*way)
            assert isinstance(driver.app.screen, WhyScreen)
            assert driver.app.screen.subject == subject
            await driver.press("escape")


@pytest.mark.parametrize("size", SIZES)
async def test_tab_goes_through_the_panes_one_at_a_time_where_there_is_little_room(
    started: Started, size: str
) -> None:
    async with started(size) as driver:
        await driver.press(*WHY)
        panes = [driver.app.screen.query_one(f"#{name}") for name in PANES]
        for pane in panes:
            assert driver.app.screen.pane == pane.id
            assert pane.region.height > 3
            shown = sum(each.region.height > 0 for each in panes)
            assert shown == (1 if size == "small" else 4)
            await driver.press("tab")


async def test_moving_through_the_tree_lights_up_the_evidence_in_the_timeline(started: Started) -> None:
    async with started() as driver:
        await driver.press(*WHY, "j")
        assert marked(driver, "evidence") == {"o-1841"}
        await driver.press("j", "j")
        assert marked(driver, "evidence") == {"v-1"}


async def test_enter_on_a_sentence_goes_to_its_event_and_enter_there_explains_it(started: Started) -> None:
    async with started() as driver:
        await driver.press(*WHY, "j", "enter")
        table = driver.app.screen.query_one("#history", Table)
        assert (driver.app.screen.pane, table.key) == ("history", "o-1841")
        await driver.press("enter")
        assert driver.app.screen.subject == Subject("event", "o-1841")
        assert "segment: Interested in Nail clipper" in driver.text
        await driver.press("escape")
        assert driver.app.screen.subject == Subject("message", "m-11")
        await driver.press("escape")
        assert isinstance(driver.app.screen, CustomerScreen)


@pytest.mark.parametrize("size", ["small", "large"])
async def test_x_on_a_leaf_says_at_once_what_is_gone_and_new(started: Started, size: str) -> None:
    async with started(size) as driver:
        await driver.press(*WHY, "j", "x")
        assert ("picture", "c_00000000", ("o-1841",)) in driver.session.asked
        assert marked(driver, "out") == {"o-1841"}
        assert marked(driver, "gone") == {"m-7", "m-8"}
        said = driver.words
        assert "left out: ● bought Nail clipper · 2025-11-04 10:12" in said
        assert "segment: Interested in Nail clipper" in said
        assert "3 of 5" in said
        assert "new: segment: New customer" in said


async def test_x_again_and_shift_u_put_it_back(started: Started) -> None:
    async with started() as driver:
        await driver.press(*WHY)
        for keys in (("j", "x", "x"), ("x", "U")):
            await driver.press(*keys)
            assert driver.app.screen.what_if.without == ()
            assert marked(driver, "out") == marked(driver, "gone") == set()
            assert not driver.app.screen.query_one(WhatIfBanner).display


async def test_x_takes_the_whole_counterfactual_out_and_a_sentence_without_events_says_so(
    started: Started,
) -> None:
    async with started() as driver:
        await driver.press(*WHY, "j", "j", "x")
        assert "no event is behind this" in driver.words
        assert driver.app.screen.what_if.without == ()
        await driver.press("shift+tab", "shift+tab", "j", "x")
        assert driver.app.screen.what_if.without == ("o-1841",)


async def test_what_is_left_out_stays_so_on_the_customers_screen(started: Started) -> None:
    async with started("large") as driver:
        await driver.press(*WHY, "j", "x", "w")
        assert isinstance(driver.app.screen, CustomerScreen)
        assert driver.app.screen.case.now.without == ("o-1841",)
        assert "1 event left out" in driver.text
        await driver.press("w")
        assert "left out: ● bought Nail clipper" in driver.text


class Changing(FakeSession):
    """A decision that is there only with the order."""

    def explain(self, customer: str, subject: Subject, without: tuple[str, ...]) -> WhyDocument:
        document = structs.replace(super().explain(customer, subject, without), standing="derived")
        if not without:
            return document
        if subject.kind == "message":
            return structs.replace(document, standing="unexplained")
        raise NotFoundError("no such thing of this customer")


BECAME = (
    (("w",), "it is gone: our definition no longer gives it; what was sent would be unexplained"),
    (("tab", "tab", "w"), "it is gone: not in this segment"),
    (("tab", "tab", "w"), "it is gone: not found"),
)


async def test_what_became_of_the_decision_is_said_and_the_tree_stays(started: Started) -> None:
    async with started(session=Changing()) as driver:
        await driver.press("enter")
        for way, said in BECAME:
            await driver.press(*way, "j", "x")
            assert said in outcome(driver)
            assert "✗ could be: bought Nail clipper" in driver.words
            await driver.press("U", "w")


async def test_what_is_explained_next_is_not_said_to_be_gone_before_that_is_known(started: Started) -> None:
    async with started() as driver:
        await driver.press(*WHY, "j", "x", "tab", "g")
        screen = driver.app.screen
        screen.open_subject(Subject("message", "m-7"))
        assert "looking whether it still stands" in outcome(driver)
        await driver.settle()
        assert "it still stands: inferred" in outcome(driver)


async def test_what_stands_in_place_of_a_recommendation_is_said(started: Started) -> None:
    class Strips(Changing):
        def picture(self, customer: str, without: tuple[str, ...], *, whole: bool = True) -> Picture:
            picture = super().picture(customer, without, whole=whole)
            if not without:
                return picture
            recommended = self._document(customer, ()).recommendations[1]
            other = structs.replace(recommended, item_id="i-9", title="Hand cream")
            document = structs.replace(picture.document, recommendations=(*picture.recommendations, other))
            return replace(picture, document=document)

    async with started(session=Strips()) as driver:
        await driver.press("enter", "tab", "tab", "tab", "j", "w", "j", "x")
        assert driver.app.screen.subject == Subject("item", "i-1")
        assert "in its place: Hand cream (also bought)" in outcome(driver)


async def test_the_words_are_shown_in_every_language_and_copied(started: Started) -> None:
    async with started() as driver:
        await driver.press(*WHY)
        assert "We sent you Nail clipper deals." in driver.text
        await driver.press("l", "y")
        assert "Wir haben Ihnen geschickt: Nail clipper deals." in driver.text
        assert driver.app.clipboard.startswith("Wir haben Ihnen geschickt")
        assert list(driver.session.kept) == ["words-de-c_00000000.txt"]
        assert "copied the words for the customer" in driver.words
        await driver.press("l")
        assert "Nous vous avons envoyé Nail clipper deals." in driver.text


async def test_where_there_are_no_words_that_is_said_and_nothing_is_copied(started: Started) -> None:
    class Refusing(FakeSession):
        def customer_wording(self, picture: Picture, document: WhyDocument, locale: str) -> OfferedText:
            return OfferedText("Words", "", "no reply is offered here: hand this case over to privacy")

    async with started(session=Refusing()) as driver:
        await driver.press(*WHY, "y")
        assert "hand this case over to privacy" in driver.words
        assert not driver.app.clipboard
        assert not driver.session.kept


async def test_a_late_answer_replaces_nothing_and_opening_somebody_else_leaves_the_explanation(
    started: Started,
) -> None:
    async with started() as driver:
        await driver.press(*WHY)
        screen = driver.app.screen
        old = structs.replace(screen.decision.document, because=(Reason("late"),))
        screen.show_explanation(Subject("segment", "other"), old)
        await driver.settle()
        assert "late" not in driver.text
        driver.app.open_customer("c_00000005")
        await driver.settle()
        assert isinstance(driver.app.screen, CustomerScreen)
        assert driver.app.screen.case.now.customer == "c_00000005"


async def test_keys_are_answered_while_the_core_is_still_thinking(started: Started) -> None:
    thinking, go_on = Event(), Event()

    class Slow(FakeSession):
        def explain(self, customer: str, subject: Subject, without: tuple[str, ...]) -> WhyDocument:
            if without:
                thinking.set()
                go_on.wait(10)
            return super().explain(customer, subject, without)

    async with started(session=Slow()) as driver:
        await driver.press(*WHY, "j")
        await driver.pilot.press("x")
        await driver.until(thinking.is_set)
        assert "looking whether it still stands" in outcome(driver)
        await driver.pilot.press("tab")
        assert driver.app.screen.pane == "history"
        go_on.set()
        await driver.settle()
        assert "it still stands" in outcome(driver)


# -- what it says ------------------------------------------------------------------------------------------------------


def flat(tree: tuple[Sentence, ...]) -> list[str]:
    return [text for node in tree for text in (node.says.plain, *flat(node.because))]


def document(**fields: Any) -> WhyDocument:
    canned = FakeSession().explain("c_1", Subject("message", "m"), ()).to_json()
    goes_on = {
        "standing": "derived",
        "until_text": "It goes on.",
        "because": [],
        "counterfactual": None,
        "rules": [],
    }
    return msgspec.convert(canned | goes_on | fields, WhyDocument)


PROOF = {
    "remove": ["a", "b"], "add": [], "outcome": "it would not be", "smallest": True, "method": "exact", "tried": 5,
    "enough": ["a", "b"], "needed": [], "tested": True,
}  # fmt: skip


def test_the_counterfactual_is_told_with_its_bound_and_what_single_events_do() -> None:
    told = flat(different(document(counterfactual=PROOF), {"a": "● bought it", "b": "○ viewed it"}))
    assert told == [
        "ends: It goes on.",
        "without both of these: it would not be",
        "● bought it",
        "○ viewed it",
        "no fewer would do; put any one back and it returns (exact; 5 histories tried)",
        "each of these by itself, with every other cause left out, would still have led to it (2)",
        "● bought it",
        "○ viewed it",
    ]


def test_a_single_event_is_named_once() -> None:
    single = {"remove": ["a"], "enough": ["a"], "needed": ["a"]}
    told = flat(different(document(counterfactual=PROOF | single), {"a": "● bought it"}))
    assert told == [
        "ends: It goes on.",
        "without this: it would not be",
        "● bought it",
        "no fewer would do; put any one back and it returns (exact; 5 histories tried)",
    ]
    others = PROOF | single | {"needed": ["a", "b"]}
    assert "needed: without any one of these it is gone (2)" in flat(
        different(document(counterfactual=others), {})
    )


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"counterfactual": PROOF | {"smallest": False, "method": "search", "enough": ["a"]}}, "that fewer would not do is not certain"),
        ({"counterfactual": PROOF | {"smallest": False, "method": "search"}}, "none of them can be put back; put any one back"),
        ({"counterfactual": PROOF | {"enough": [], "needed": ["a"]}}, "needed: without any one of these it is gone (1)"),
        ({"counterfactual": PROOF | {"enough": []}}, "no single event is enough, and none is needed"),
        ({"counterfactual": PROOF | {"remove": [], "add": [{"kind": "order_completed", "item_id": "i", "occurred_at": "2026-11-01T09:12:00Z"}]}},
         "had there been an order of “i” on 2026-11-01 09:12: it would not be"),
        ({"counterfactual": PROOF | {"instead": [{"strategy": "also_bought", "item_id": "i", "title": "Cream"}]}},
         "Cream (also bought)"),
        ({"counterfactual": None}, "a rule was broken"),
        ({"counterfactual": None, "standing": "inferred"}, "our definitions do not give it"),
        ({"counterfactual": None, "until_text": "It stops on 2026-12-01."}, "ends: It stops on 2026-12-01."),
    ],
)  # fmt: skip
def test_what_if_says(fields: dict[str, object], said: str) -> None:
    assert said in "\n".join(flat(different(document(**fields), {})))


def test_more_events_than_can_be_read_are_counted() -> None:
    many = [f"e{at}" for at in range(50)]
    told = flat(different(document(counterfactual=PROOF | {"remove": many, "enough": []}), {}))
    assert "20 of 50 are named here" in told


def test_a_message_held_against_its_definition_says_which_conditions_held() -> None:
    held = {
        "title": "Cart series", "step": "second", "due": "2026-01-02T00:00:00Z", "act": "a", "holds": False, "asks_for": None,
        "flow": "cart", "trigger": "cart", "carries": None,
        "conditions": [
            {"condition": "delay", "holds": True, "text": "24 hours after", "events": ["a"]},
            {"condition": "not_ended", "holds": False, "text": "the cart was bought before", "events": ["b"]},
            {"condition": "list", "holds": None, "text": "on the list", "events": []},
        ],
    }  # fmt: skip
    left = [{"text": "viewed it: too long ago", "events": ["c"]}]
    told = flat(reasons(document(reconstruction=held, left_out=left)))
    assert told == [
        "defined as Cart series, step second: its conditions did not hold",
        "due from 2026-01-02 00:00",
        "✓ 24 hours after",
        "✗ the cart was bought before",
        "? on the list",
        "looked at, and does not count",
        "viewed it: too long ago",
    ]


# -- on the scenes -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def session(scenes: Path) -> CoreSession:
    return CoreSession(scenes, Viewer())


async def test_leaving_the_counterfactual_of_the_nail_clipper_out_undoes_the_finding(
    session: CoreSession,
) -> None:
    customer = session.customers.resolve("scene-01-nail-clipper")
    picture = session.customers.picture(customer, ())
    (found,) = picture.findings
    app = WhysentApp(session)
    async with app.run_test(size=(160, 50), notifications=True) as pilot:
        driver = Driver(app, pilot)
        await driver.settle()
        app.push_screen(WhyScreen(Subject("finding", found.id), picture))
        await driver.settle()
        assert "You bought “Nail clipper, steel”" in driver.words
        await driver.press("shift+tab", "shift+tab", "j", "x")
        await driver.until(lambda: "it is gone: not found" in outcome(driver))
        assert content("gone: finding: Mailed about what was already bought").plain in outcome(driver)


@pytest.mark.parametrize(
    ("scene", "offered"),
    [
        ("scene-01-nail-clipper", True),
        ("scene-03-expecting-mother", False),
        ("scene-04-bereaved-parents", False),
    ],
)
def test_no_words_are_offered_where_privacy_or_care_must_answer(
    session: CoreSession,
    scene: str,
    offered: bool,
) -> None:
    customer = session.customers.resolve(scene)
    picture = session.customers.picture(customer, ())
    message = next(row for row in picture.timeline["message"] if row is not None)
    told = session.customers.customer_wording(
        picture, session.customers.explain(customer, Subject("message", message), ()), "en"
    )
    assert bool(told.text) is offered
    assert bool(told.refusal) is not offered


async def test_t_on_the_whole_why_goes_back_and_tries_the_rules(started: Started) -> None:
    async with started() as driver:
        await driver.press("enter", "w", "x", "t")
        screen = driver.app.screen
        assert isinstance(screen, CustomerScreen)
        assert screen.case.trying
        assert screen.case.trial.without == screen.case.without != ()
        await driver.press("w", "t")
        assert screen.case.trying
