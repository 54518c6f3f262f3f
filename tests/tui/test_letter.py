"""A whole letter instead of an identifier: pasted into the field, typed by a terminal, or read by the command line."""

import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
from textual.events import Key, Paste
from textual.worker import WorkerFailed

from audit.privacy.roles import Role, Viewer
from audit.workspace.workspace import Workspace
from tests.tui.canned import FakeSession
from tests.tui.command import Command
from tests.tui.conftest import SIZES, Driver, painted_when_read
from tui.app import WhysentApp
from tui.screens.customer import CustomerScreen
from tui.screens.dialogs import Choice, TextDialog
from tui.screens.find import FindScreen
from tui.session import Pasted
from tui.session.core import CoreSession
from tui.widgets.letter import Field, LetterLine
from tui.widgets.timeline import Timeline

CAMERAS = """Hello,

why do I get mails about DVDs? I never looked at films.

Paolo, customer number scene-08-looked-at-cameras"""

GERMAN = """Ich habe nie Filme angesehen und bekomme Mails über DVDs.

Kundennummer scene-08-looked-at-cameras"""

TWO = """I said stop, and so did she. Customer numbers: scene-09-breach
customer number scene-09-objected"""

Opened = Callable[..., AbstractAsyncContextManager[Driver]]


@pytest.fixture
def opened(scenes: Path) -> Opened:
    @asynccontextmanager
    async def start(size: str = "medium", role: Role = Role.ADMIN) -> AsyncIterator[Driver]:
        app = WhysentApp(CoreSession(scenes, Viewer(role, ticket="4711")), agent=True)
        with painted_when_read():
            async with app.run_test(size=SIZES[size], notifications=True) as pilot:
                driver = Driver(app, pilot)
                await driver.settle()
                yield driver

    return start


async def paste(driver: Driver, text: str) -> None:
    driver.app.screen.query_one(Field).post_message(Paste(text))
    await driver.settle()


@pytest.mark.parametrize("size", SIZES)
async def test_a_pasted_letter_opens_the_case_at_what_it_is_about_and_l_turns_to_something_else(
    opened: Opened, size: str
) -> None:
    async with opened(size) as driver:
        await paste(driver, CAMERAS)
        screen = driver.app.screen
        assert isinstance(screen, CustomerScreen)
        assert screen.case.about.check == "unexplained"
        assert "21 mails about DVD (Films): nothing in this data explains it" in driver.words
        assert "The letter is about this" in driver.words
        assert "ticket 4711" in driver.text
        assert screen.query_one(Timeline).key in screen.case.worst_finding().messages
        await driver.press("L")
        assert isinstance(driver.app.screen, Choice)
        assert "What the letter may be about" in driver.text
        await driver.press("down", "enter")
        assert driver.app.screen is screen
        assert screen.case.about.check != "unexplained"
        assert screen.case.worst_finding().id == screen.case.about.id
        await driver.press("1")
        assert driver.app.screen.query_one(Field).value == ""


async def test_a_letter_in_german_is_answered_in_german_until_another_language_is_asked_for(
    opened: Opened,
) -> None:
    async with opened() as driver:
        await paste(driver, GERMAN)
        await driver.press("R")
        assert "Internal note · English" in driver.text
        await driver.press("r")
        assert "Reply to the customer · German" in driver.text
        await driver.press("l")
        assert "Reply to the customer · " in driver.text
        assert "German" not in driver.text


async def test_a_letter_about_a_mail_says_which(opened: Opened) -> None:
    async with opened() as driver:
        await paste(
            driver, "Thanks for the mails about new diapers.\n\ncustomer number scene-10-happy-diapers"
        )
        assert (
            "The letter is about “Time for new Diapers, monthly box?” of 2026-11-11 (Time to restock):"
            in driver.words
        )
        screen = driver.app.screen
        assert screen.timeline.row(screen.timeline.key)["what"] == "Time for new Diapers, monthly box?"


async def test_where_several_fit_it_asks_and_where_nobody_does_it_says_what_it_looked_for(
    opened: Opened,
) -> None:
    async with opened() as driver:
        await paste(driver, TWO)
        assert isinstance(driver.app.screen, Choice)
        await driver.press("enter")
        assert isinstance(driver.app.screen, CustomerScreen)
        assert driver.app.screen.query_one(LetterLine).about.check == "after-opt-out"
        await driver.press("slash")
        await paste(driver, "Stop your mails.\n\nGwen Prosser\ngwen@example.org")
        assert isinstance(driver.app.screen, TextDialog)
        assert "Looked for: e-mail address g•••@•••.org, name G. P." in driver.words
        assert "Prosser" not in driver.text


async def test_a_letter_that_the_terminal_types_line_by_line_is_one_letter(opened: Opened) -> None:
    async with opened() as driver:
        for character in f"{CAMERAS}\n":
            key = "enter" if character == "\n" else character
            driver.app.post_message(Key(key, character))  # all at once, as they come from a terminal
        await driver.until(lambda: isinstance(driver.app.screen, CustomerScreen))
        await driver.settle()
        assert driver.app.screen.case.about.check == "unexplained"


async def test_words_in_one_line_are_looked_up_as_before(opened: Opened) -> None:
    async with opened() as driver:
        driver.app.screen.query_one(Field).value = "no such customer"
        await driver.pilot.press("enter")
        await driver.until(lambda: "no such customer here" in driver.text)
        assert isinstance(driver.app.screen, FindScreen)


def test_the_text_of_a_letter_is_in_no_repr() -> None:
    assert "films" not in repr(Field.Letter(Pasted(CAMERAS)))


async def test_a_crash_shows_neither_the_letter_nor_any_other_value(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Broken(FakeSession):
        def read_letter(self, pasted: Pasted, _: str | None) -> None:
            words = pasted.text
            raise ZeroDivisionError(len(words))

    app = WhysentApp(Broken(), agent=True)
    with pytest.raises(WorkerFailed):
        async with app.run_test() as pilot:
            app.screen.query_one(Field).post_message(Paste(CAMERAS))
            await pilot.pause()
            await app.workers.wait_for_complete()
    shown = "".join(capsys.readouterr())
    assert "ZeroDivisionError" in shown
    assert "films" not in shown


# -- the command line ----------------------------------------------------------------------------------------------


@pytest.fixture
def whysent(scenes: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(scenes, capsys, monkeypatch)


def case(whysent: Command, *more: str | Path, letter: str = CAMERAS):
    return whysent("case", "--ticket", "4711", "--paste", *more, stdin=letter)


def test_a_piped_letter_is_answered_with_the_case_and_what_it_is_about(
    whysent: Command, scenes: Path
) -> None:
    done = case(whysent, "--json")
    assert done.code == 0
    assert list(done.document) == ["schema", "customer", "complaint", "picture"]
    customer = Workspace.open(scenes).resolve("scene-08-looked-at-cameras")
    assert done.document["customer"] == customer
    about = done.document["complaint"]["about"]
    assert (about["kind"], about["check"]) == ("finding", "unexplained")
    assert "DVDs" in about["words"]
    assert about["id"] in [finding["id"] for finding in done.document["picture"]["findings"]]
    assert done.document["picture"] == whysent("show", customer, "--json").document | {
        "schema": "whysent.customer/1"
    }
    page = case(whysent)
    assert page.code == 0
    assert "About: 21 mails about DVD (Films)" in page.out
    assert "Nothing of the letter is kept." in page.out


def test_several_customers_exit_1_nobody_2_and_customer_says_whose_it_is(
    whysent: Command, tmp_path: Path
) -> None:
    assert case(whysent, letter=TWO).code == 1
    several = case(whysent, "--json", letter=TWO)
    assert several.code == 1
    assert several.document["customer"] is None
    assert len(several.document["complaint"]["fitting"]) == 2
    chosen = case(whysent, "--json", "--customer", "scene-09-objected", letter=TWO)
    assert chosen.code == 0
    assert chosen.document["complaint"]["about"]["check"] == "after-opt-out"
    file = tmp_path / "letter.txt"
    file.write_bytes("Gr\xfc\xdfe, bitte keine Mails mehr".encode("latin-1"))
    nobody = case(whysent, file)
    assert nobody.code == 2
    assert "no address, number or name stands in it" in nobody.out
    assert case(whysent, "--customer", "nobody-here").code == 2
    assert whysent("case", "--ticket", "4711", "--json").code == 2


PREGNANT = (
    "How do you know that I am pregnant? I had told nobody.\n\ncustomer number scene-03-expecting-mother"
)


def test_what_a_role_is_not_told_is_neither_matched_nor_confirmed(whysent: Command) -> None:
    told = case(whysent, "--as", "reviewer", "--json", letter=PREGNANT).document["complaint"]["about"]
    assert "pregnant" in " ".join(told["words"])
    silent = case(whysent, "--as", "agent", "--json", letter=PREGNANT)
    about = silent.document["complaint"]["about"]
    assert about["check"] == "sensitive-inference"
    assert "pregnan" not in " ".join(about["words"]) + about["text"]
    mails = 'Mails called "For you and the little one" and mails about {}.\ncustomer number scene-03-expecting-mother'
    answers = [
        case(whysent, "--as", "agent", "--json", letter=mails.format(topic)).document["complaint"]
        for topic in ("pregnancy", "zither lessons")
    ]
    assert [answer["about"] for answer in answers] == [None, None]
    assert case(whysent, "--as", "reviewer", "--json", letter=mails.format("x")).document["complaint"][
        "about"
    ]


def test_nothing_of_a_letter_is_left_in_the_workspace(whysent: Command, scenes: Path) -> None:
    mark = "Quackenbush"
    done = case(
        whysent, letter=f"{CAMERAS}\nYours, Ophelia {mark}, ophelia.{mark}@example.org, order {mark}-77"
    )
    assert done.code == 0
    assert mark not in done.out + done.err
    kept = b"".join(path.read_bytes() for path in scenes.rglob("*") if path.is_file())
    assert re.search(mark.encode(), kept, re.IGNORECASE) is None
    assert json.dumps(mark)
