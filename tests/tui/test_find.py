"""Find and triage: an agent gets a field and no list; others see who and what is worst."""

import pytest
from textual.widgets import Input
from textual.worker import WorkerFailed

from audit.errors import NotFoundError, WorkspaceError
from tests.tui.canned import FakeSession
from tests.tui.conftest import Started
from tui.app import WhysentApp
from tui.screens.customer import CustomerScreen
from tui.screens.dialogs import AudienceScreen
from tui.screens.find import FindScreen
from tui.session.view_models import Triage
from tui.widgets.table import Table
from tui.widgets.text import KeyLine


async def test_an_agent_starts_in_the_field_and_no_list_of_people_is_made(started: Started) -> None:
    class Watched(FakeSession):
        def triage(self) -> None:
            raise AssertionError("an agent's start lists nobody")

    async with started(session=Watched(), agent=True) as driver:
        assert isinstance(driver.app.focused, Input)
        assert "c_00000000" not in driver.text


@pytest.mark.parametrize("typed", ["mara@example.org", "4711", "c_00000000"])
async def test_an_address_an_id_or_a_pseudonym_opens_the_case(started: Started, typed: str) -> None:
    async with started(agent=True) as driver:
        for letter in typed:
            await driver.pilot.press(letter)
        await driver.press("enter")
        assert isinstance(driver.app.screen, CustomerScreen)
        assert driver.app.screen.case.customer == "c_00000000"
        assert "mara@example.org" not in driver.text


async def test_what_was_typed_is_gone_from_the_field_and_from_every_message(started: Started) -> None:
    async with started(agent=True) as driver:
        driver.app.screen.query_one(Input).value = "nobody@example.org"
        await driver.press("enter")
        assert isinstance(driver.app.screen, FindScreen)
        assert "no customer is known by that" in driver.text
        assert "nobody@example.org" not in driver.text


async def test_the_list_is_worst_first_with_sign_and_word_and_says_how_many(started: Started) -> None:
    async with started() as driver:
        table = driver.app.screen.query_one("#people", Table)
        assert table.border_subtitle == "1 of 40"
        assert table.render_line(1).text.split()[:3] == ["▲", "high", "c_00000000"]
        assert "3 mails about Nail clipper since one was bought" in driver.text
        assert "2,013 customers" in driver.text
        assert "data: orders to 21 Nov" in driver.text


async def test_enter_opens_the_customer_of_the_row_and_escape_comes_back(started: Started) -> None:
    async with started() as driver:
        await driver.press("j", "enter")
        assert isinstance(driver.app.screen, CustomerScreen)
        assert driver.app.screen.case.customer == "c_00000001"
        await driver.press("escape")
        assert isinstance(driver.app.screen, FindScreen)
        assert driver.app.screen.query_one("#people", Table).key == "c_00000001"


async def test_slash_goes_to_the_field_from_anywhere_and_escape_leaves_it(started: Started) -> None:
    async with started() as driver:
        await driver.press("3", "slash")
        assert isinstance(driver.app.screen, FindScreen)
        assert isinstance(driver.app.focused, Input)
        await driver.press("slash", "a", "slash")
        assert driver.app.focused.value == "a/"
        foot = str(driver.app.screen.query_one(KeyLine).render())
        assert " esc back " in foot and " f1 help " in foot and " ^q quit " in foot  # letters are text there
        await driver.press("escape")
        assert driver.app.focused is driver.app.screen.query_one("#people")


async def test_c_shows_the_worst_flows_and_again_the_people(started: Started) -> None:
    async with started() as driver:
        await driver.press("c")
        assert "Browsed Nail clipper" in driver.text
        await driver.press("c")
        assert "c_00000000" in driver.text
        assert "Browsed Nail clipper" not in driver.text


async def test_enter_on_a_campaign_shows_who_got_it(started: Started) -> None:
    async with started() as driver:
        await driver.press("c", "enter")
        assert isinstance(driver.app.screen, AudienceScreen)
        await driver.press("escape")
        assert isinstance(driver.app.screen, FindScreen)


async def test_of_a_campaign_that_nothing_can_be_said_of_it_says_so_in_its_place(started: Started) -> None:
    async with started() as driver:
        await driver.press("c", "down", "enter")
        assert "no campaign of that id or name was sent" in driver.words


async def test_a_check_narrows_the_list_and_escape_widens_it(started: Started) -> None:
    async with started() as driver:
        await driver.press("tab", "enter")
        table = driver.app.screen.query_one("#people", Table)
        assert table.border_subtitle == "1 of 3 · 40 in all"
        await driver.press("escape")
        assert table.border_subtitle == "1 of 40"


async def test_copying_says_what_was_copied_and_where_it_also_is(started: Started) -> None:
    async with started() as driver:
        await driver.press("y")
        assert driver.app.clipboard == "c_00000000"
        assert driver.session.kept == {"copied.txt": "c_00000000"}
        assert "copied the pseudonym" in driver.text
        assert "/exports/copied.txt" in driver.text


async def test_q_leaves(started: Started) -> None:
    async with started() as driver:
        await driver.pilot.press("q")
        await driver.pilot.pause()
        assert driver.app.return_code == 0


async def test_a_workspace_that_cannot_be_opened_ends_the_program_with_its_reason() -> None:
    class Broken(FakeSession):
        def open(self, _: object = None) -> None:
            raise WorkspaceError("/x: locked by another program; try again")

    app = WhysentApp(Broken())
    async with app.run_test() as pilot:
        await app.workers.wait_for_complete()
        await pilot.pause()
    assert app.return_code == 2
    assert app.failure == "/x: locked by another program; try again"


async def test_an_error_nobody_expected_is_not_swallowed() -> None:
    class Wrong(FakeSession):
        def triage(self) -> None:
            raise ZeroDivisionError

    app = WhysentApp(Wrong())
    with pytest.raises(WorkerFailed):
        async with app.run_test() as pilot:
            while app.return_code is None:
                await pilot.pause(0.01)
    assert app.return_code == 1


async def test_an_error_a_person_can_act_on_is_told_and_the_program_goes_on(started: Started) -> None:
    class Missing(FakeSession):
        def picture(self, customer: str, without: tuple[str, ...], *, whole: bool = True) -> None:
            raise NotFoundError("no customer c_1 here")

    async with started(session=Missing()) as driver:
        await driver.press("enter")
        assert (
            driver.text.count("no customer c_1 here") == 2
        )  # told once, and standing where the verdict would
        assert "reading …" not in driver.text
        assert driver.app.is_running


@pytest.mark.parametrize(("agent", "key"), [(False, "f3"), (True, "down"), (True, "f3")])
async def test_the_last_cases_are_one_key_away(started: Started, agent: bool, key: str) -> None:
    async with started(agent=agent) as driver:
        await driver.press(key)
        assert "c_00000003" in driver.text
        await driver.press("down", "enter")
        assert isinstance(driver.app.screen, CustomerScreen)
        assert driver.app.screen.case.customer == "c_00000003"


async def test_where_no_case_was_opened_the_key_says_so(started: Started) -> None:
    class Fresh(FakeSession):
        def recent(self) -> tuple[str, ...]:
            return ()

    async with started(session=Fresh()) as driver:
        await driver.press("f3")
        assert isinstance(driver.app.screen, FindScreen)
        assert "no case was opened here yet" in driver.text


async def test_the_list_is_fetched_again_when_what_it_rests_on_has_changed(started: Started) -> None:
    class Counting(FakeSession):
        lists = 0

        def triage(self) -> Triage:
            self.lists += 1
            return super().triage()

    async with started(session=Counting()) as driver:
        await driver.press("3", "1")
        assert driver.session.lists == 1
        driver.session.stands = "otherwise"
        await driver.press("3", "1")
        assert driver.session.lists == 2
