"""The palette finds everything by plain words: what a stranger asks, what can be done, and what the workspace holds."""

import re
import tomllib
from pathlib import Path

import pytest
from textual.command import CommandList
from textual.widgets import Input

from audit.errors import NotFoundError
from tests.tui.canned import FakeSession
from tests.tui.conftest import Driver, Started
from tui import keys, manual
from tui.palette import BOOSTS, Entry
from tui.screens.customer import CustomerScreen
from tui.screens.dialogs import LETTERS, AudienceScreen, JumpScreen, PageDialog, TextDialog, labels
from tui.screens.find import FindScreen
from tui.screens.rules import RulesScreen
from tui.widgets.rule_form import RuleForm

# what a stranger asks → the words of it that are typed → the entry that is among the first three → what is read there
TEN = [
    ("Where do I see who got campaign X?", "who got campaign", "Who got a campaign, and what sets them apart?", "press c: the campaigns"),
    ("How do I stop mails after a purchase?", "stop mails after purchase", "How do I stop mails after a purchase?", "With a cooldown rule"),
    ("Who looked at this customer?", "who looked at customer", "Who looked at this customer?", "Nothing records who opened a case"),
    ("How do I import?", "import", "How do I import my own data?", "whysent import orders.csv"),
    ("What does inferred mean?", "inferred", "What does inferred mean?", "could be; all candidates are listed"),
    ("When does this end?", "when does it end", "When do these messages stop by themselves?", "The third line of the verdict"),
    ("How do I write back to them?", "reply customer", "How do I answer the customer?", "press R: the internal note"),
    ("How would a cap of three a week do?", "cap three a week", "How many mails would a limit of three a week stop?", "replayed over the whole past"),
    ("I made a mistake, how do I undo it?", "undo mistake", "How do I take back what I just did?", "names your own last act"),
    ("Why is something withheld?", "withheld", "Why does it say withheld?", "Your role is not told this topic"),
]  # fmt: skip
# asked by others, and held here so that what was good stays so
MORE = [
    ("displacement", "displacement"),
    ("why was the mail not stopped", "Which of these mails do the rules stop, and why was one let through?"),
    (
        "which mails do rules let through",
        "Which of these mails do the rules stop, and why was one let through?",
    ),
    ("dark mode", "How do I change the colours?"),
    ("gdpr delete person", "How do I delete a customer?"),
    ("unsubscribed but still mails", "Did they get mails after they unsubscribed?"),
    ("quarentine", "What data is missing?"),
    ("high contrast", "Theme: high-contrast"),
    ("sunset", "sunset"),
    ("too many messages", "Checks: Too many messages"),
    ("same mail twice", "Checks: The same message twice"),
    ("what is a pseudonym", "pseudonym"),
    ("backup the key", "What whysent does with the data you give it: The key"),
    ("send anything to the internet", "Where is my data stored?"),
    ("address bounces", "Checks: Messages to an address that bounces"),
    ("how many mails per week", "How many mails do people get in a week?"),
    ("who gets the most mail", "How many mails do people get in a week?"),
    ("open rate", "How many mails do people get in a week?"),
    ("who changed the rule", "Who changed a rule, and when?"),
    ("how accurate is it", "How sure is it, and can it be wrong?"),
    ("why so many mails", "Why did this customer get this message?"),
    ("bought as a gift", "What happens without this event?"),
    ("copy text", "Where did the copy go?"),
    ("password", "Where is my data stored?"),
    ("show only purchases in timeline", "How do I sort or narrow a list?"),
    ("how do I stop mails to one person", "How do I stop all mails to one person?"),
    ("is an open a human", "Was an open or a click made by a human?"),
    (
        "what do we know about pregnancy",
        "What was guessed about sensitive things, such as a pregnancy?",
    ),
    ("which campaign annoys people most", "Who are the worst cases?"),
]


async def ask(driver: Driver, query: str) -> list[str]:
    """Open the palette, type, and give the titles of what is offered."""
    await driver.press("ctrl+p")
    driver.app.screen.query_one(Input).value = query
    await driver.settle()
    return offered(driver)


def offered(driver: Driver) -> list[str]:
    options = driver.app.screen.query_one(CommandList).options
    return [str(option.hit.text) for option in options if hasattr(option, "hit")]


async def choose(driver: Driver, title: str) -> None:
    titles = offered(driver)
    driver.app.screen.query_one(CommandList).highlighted = titles.index(title)
    await driver.press("enter")


async def test_a_strangers_ten_questions_are_answered_among_the_first_three(started: Started) -> None:
    async with started() as driver:
        for question, typed, title, said in TEN:
            assert title in (await ask(driver, typed))[:3], (question, offered(driver)[:5])
            await choose(driver, title)
            assert isinstance(driver.app.screen, PageDialog)
            await driver.until(lambda said=said: said in driver.words)
            await driver.press("escape")


@pytest.mark.parametrize(("typed", "title"), MORE)
def test_plain_words_find_what_is_meant(typed: str, title: str) -> None:
    pages = [
        Entry(page.kind, page.title, page.first_line, print, page.words, page.text) for page in manual.pages()
    ]
    pages.append(Entry("theme", "Theme: high-contrast", "high contrast", print, "colours appearance"))
    found = manual.Index(entry.fields for entry in pages).search(typed)
    assert title in [pages[at].title for at, _ in found[:3]]


def test_answers_name_the_keys_as_they_are_set() -> None:
    def answer(title: str) -> str:
        return next(page.text for page in manual.pages() if page.title == title)

    named = "Who got a campaign, and what sets them apart?"
    shipped, rebound = "In **Find** press `c`:", "In **Find** press `F8`:"
    assert shipped in answer(named)
    keys.take({"find.campaigns": "f8"})
    try:
        assert rebound in answer(named)
    finally:
        keys.take({})
    rows = tomllib.loads((Path(manual.__file__).parent / "questions.toml").read_text(encoding="utf-8"))[
        "question"
    ]
    names = {keys._name(key) for shipped in keys.actions().values() for key in shipped.split(",")}
    signs = {"→", "?"}
    bare = {word for row in rows for word in re.findall(r"`([^`{]{1,7})`", row["answer"]) if word in names}
    assert bare <= signs, "keys stand as actions in braces"


def test_every_answer_leads_somewhere_that_is() -> None:
    from tui.app import WhysentApp

    for page in manual.pages():
        name = page.go.split("(")[0]
        assert not name or hasattr(WhysentApp, f"action_{name}"), page.title
    assert set(BOOSTS) <= {"do", "theme", "story", "key", *(page.kind for page in manual.pages())}


def test_the_pages_that_are_read_are_shipped() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    shipped = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert shipped == {f"docs/{name}.md": f"tui/manual/{name}.md" for name in sorted(manual.SHIPPED)}


async def test_with_nothing_typed_what_can_be_done_here_is_offered(started: Started) -> None:
    async with started() as driver:
        await driver.press("enter", "ctrl+p")
        titles = offered(driver)
        assert "Leave out  (x)" in titles
        assert "Theme: light" in titles
        assert "Quit  (q, Ctrl+Q)" in titles
        await choose(driver, "Leave out  (x)")
        assert ("picture", "c_00000000", ("m-11", "open-11")) in driver.session.asked


async def test_what_can_be_done_elsewhere_says_where(started: Started) -> None:
    async with started() as driver:
        assert "Leave out  (x)" in (await ask(driver, "leave out"))[:3]
        await choose(driver, "Leave out  (x)")
        assert isinstance(driver.app.screen, TextDialog)
        assert "Take the event out of the history" in driver.words


async def test_names_of_the_workspace_are_gone_to(started: Started) -> None:
    async with started() as driver:
        await ask(driver, "nail clipper weekly")
        await choose(driver, "Nail clipper weekly (nail-weekly)")
        assert isinstance(driver.app.screen, AudienceScreen)
        await driver.press("escape")
        await ask(driver, "until repurchase")
        await choose(driver, "No mails about what was just bought (until-repurchase)")
        assert isinstance(driver.app.screen, RulesScreen)
        await driver.until(lambda: bool(driver.app.screen.query(RuleForm)))
        assert driver.app.screen.entry.id == "until-repurchase"
        await ask(driver, "interested in nail")
        await choose(driver, "Interested in Nail clipper (in-market)")
        assert "behavioral" in driver.words


async def test_customers_are_found_by_pseudonym_and_headline_and_how_many_fit_is_said(
    started: Started,
) -> None:
    async with started() as driver:
        assert (await ask(driver, "c_00000003"))[0] in {"Look up “c_00000003”", "c_00000003"}
        await driver.press("escape")
        titles = await ask(driver, "mails about nail")
        assert sum(title.startswith("c_") for title in titles) == 12
        assert "28 more customers fit" in titles
        await choose(driver, "c_00000002")
        assert isinstance(driver.app.screen, CustomerScreen)
        assert "c_00000002" in driver.text


class NobodyListed(FakeSession):
    """An agent's: nobody may be listed, whoever is asked for is looked up."""

    def customers_like(self, words: tuple[str, ...]):
        raise AssertionError("who may not list people is not even asked")

    def resolve(self, text: str) -> str:
        self.asked.append(("resolve", text))
        if text == "nobody@x.de":
            raise NotFoundError("no such customer here")
        return "c_00000001"

    def open(self, progress: object = None):
        from dataclasses import replace

        return replace(super().open(progress), lists_people=False)


async def test_an_address_is_looked_up_once_and_only_when_it_is_chosen(started: Started) -> None:
    async with started(session=NobodyListed(), agent=True) as driver:
        titles = await ask(driver, "mia@example.de")
        assert titles[0] == "Look up “mia@example.de”"
        assert ("resolve", "mia@example.de") not in driver.session.asked
        await driver.press("enter")
        assert driver.session.asked.count(("resolve", "mia@example.de")) == 1
        assert isinstance(driver.app.screen, CustomerScreen)


async def test_hostile_names_are_shown_as_text(started: Started) -> None:
    async with started(session=FakeSession("[red]Evil[/] \x1b[31m")) as driver:
        titles = await ask(driver, "evil weekly")
        assert any("[red]Evil[/]" in title for title in titles)
        assert "\x1b" not in driver.text


# -- themes --------------------------------------------------------------------------------------------------------


async def test_a_theme_is_shown_while_the_cursor_is_on_it_and_kept_when_it_is_chosen(
    started: Started, tmp_path: Path
) -> None:
    file = tmp_path / "whysent" / "settings.toml"
    async with started(settings=file) as driver:
        titles = await ask(driver, "theme light")
        driver.app.screen.query_one(CommandList).highlighted = titles.index("Theme: light")
        await driver.settle()
        assert driver.app.theme == "light"
        await driver.press("escape")
        assert driver.app.theme == "dark"
        assert not file.exists()
        await ask(driver, "theme light")
        await choose(driver, "Theme: light")
        assert driver.app.theme == "light"
        assert file.read_text() == 'theme = "light"\n'
        await driver.press("u")
        assert "the theme light instead of dark" in driver.words
        await driver.press("y")
        assert driver.app.theme == "dark"
        assert file.read_text() == 'theme = "dark"\n'


# -- jumping -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 26, 27, 100, 676, 900])
def test_no_label_begins_another(count: int) -> None:
    given = labels(count)
    assert len(given) == len(set(given)) == min(count, len(LETTERS) ** 2)
    assert not any(one != other and other.startswith(one) for one in given for other in given[:50])


@pytest.mark.parametrize("size", ["small", "medium", "large"])
async def test_a_letter_over_a_row_goes_to_it(started: Started, size: str) -> None:
    async with started(size) as driver:
        people = driver.app.screen.query_one("#people")
        await driver.press("semicolon")
        assert isinstance(driver.app.screen, JumpScreen)
        third = next(
            letters
            for letters, at in driver.app.screen._targets.items()
            if at.y == people.content_region.y + 3 and at.x < 10
        )
        await driver.press(*third)
        assert isinstance(driver.app.screen, FindScreen)
        assert people.key == "c_00000002"


async def test_letters_lead_to_fields_panes_and_tabs_and_any_other_key_leads_nowhere(
    started: Started,
) -> None:
    async with started("small") as driver:
        await driver.press("semicolon", "a")
        assert driver.app.focused.id == "field"
        await driver.press("f4", "exclamation_mark")
        assert driver.app.focused.id == "field"
        await driver.press("escape", "enter", "semicolon")
        tabs = [letters for letters, at in driver.app.screen._targets.items() if at.go.__name__ == "<lambda>"]
        await driver.press(*tabs[-1])
        assert driver.app.screen.pane == "findings"


# -- taking back ---------------------------------------------------------------------------------------------------


async def test_what_was_left_out_is_named_and_comes_back(started: Started) -> None:
    async with started() as driver:
        await driver.press("enter", "x", "j", "x")
        assert len(driver.app.screen.case.without) > 2
        await driver.press("u")
        assert "left out" in driver.words
        await driver.press("y")
        assert driver.app.screen.case.without == ("m-11", "open-11")
        await driver.press("u", "y")
        assert driver.app.screen.case.without == ()
        await driver.press("u")
        assert isinstance(driver.app.screen, CustomerScreen)


async def test_what_does_not_hold_any_more_is_not_taken_back(started: Started) -> None:
    async with started() as driver:
        await driver.press("enter", "x", "escape", "j", "enter", "u")
        assert isinstance(driver.app.screen, CustomerScreen)


async def test_the_mouse_marks_what_it_is_over(started: Started) -> None:
    async with started() as driver:
        people = driver.app.screen.query_one("#people")
        await driver.pilot.hover("#people", offset=(10, 5))
        await driver.settle()
        assert people.pointed == 3
        strip = people.render_line(4)
        assert any(segment.style.underline for segment in strip)
        await driver.pilot.hover("#field")
        assert people.pointed is None
