"""Log and definitions: a list that somebody can work through."""

from pathlib import Path

import pytest

from audit.errors import NotPermittedError
from audit.privacy.roles import Role, Viewer
from tests.tui.canned import FakeSession
from tests.tui.conftest import Driver, Started
from tui.screens.customer import CustomerScreen
from tui.screens.find import FindScreen
from tui.screens.reconcile import ReconcileScreen
from tui.session.core import CoreSession
from tui.widgets.table import Table


def apart(driver: Driver) -> Table:
    return driver.app.screen.query_one("#apart", Table)


@pytest.mark.parametrize("size", ["small", "large"])
async def test_the_list_says_where_who_which_side_since_when_and_why(started: Started, size: str) -> None:
    async with started(size) as driver:
        await driver.press("d")
        assert "c_00000000" in driver.text
        assert "logged only" in driver.text
        assert "2026-10-10" in driver.text
        assert "no act of theirs that our definition looks at (Nail clipper)" in driver.words
        assert "0 of 410 looked at" in driver.text
        assert apart(driver).border_subtitle == "1 of 10 · 410 in all"
        await driver.press("tab")
        assert "90 %" in driver.text


async def test_what_was_looked_at_is_marked_counted_and_remembered_while_one_is_elsewhere(
    started: Started,
) -> None:
    async with started() as driver:
        await driver.press("d", "space", "space")
        assert "2 of 410 looked at" in driver.text
        assert set(apart(driver).marks) == {"apart-0", "apart-1"}
        await driver.press("enter")
        assert isinstance(driver.app.screen, CustomerScreen)
        assert driver.app.screen.case.customer == "c_00000002"
        await driver.press("1", "d")
        assert isinstance(driver.app.screen, ReconcileScreen)
        assert "3 of 410 looked at" in driver.text
        await driver.press("k", "space")
        assert "2 of 410 looked at" in driver.text


async def test_enter_on_a_segment_lists_only_its_own_and_escape_all_again(started: Started) -> None:
    async with started() as driver:
        await driver.press("d", "tab", "enter")
        assert driver.session.asked[-1] == ("reconcile", "segment:beauty")
        assert len(apart(driver).rows) == 2
        await driver.press("escape")
        assert driver.session.asked[-1] == ("reconcile", "")
        assert len(apart(driver).rows) == 10
        await driver.press("escape")
        assert isinstance(driver.app.screen, FindScreen)


async def test_who_may_not_list_people_is_told_so(started: Started) -> None:
    class Barred(FakeSession):
        def reconcile(self, only: str) -> None:
            raise NotPermittedError("the role agent may not list people")

    async with started(session=Barred()) as driver:
        await driver.press("d")
        assert "may not list people" in driver.words


def test_the_scenes_are_held_together_and_each_row_keeps_its_key(scenes: Path) -> None:
    session = CoreSession(scenes, Viewer())
    found = session.customers.reconcile("")
    assert found.agreed.height > 3
    assert found.apart["key"].n_unique() == found.apart.height > 0
    key = next(key for key, logged in found.agreed.select("key", "logged_only").rows() if logged)
    only = session.customers.reconcile(key)
    assert set(only.apart["key"]) <= set(found.apart["key"])
    with pytest.raises(NotPermittedError):
        CoreSession(scenes, Viewer(Role.AGENT, "4711")).customers.reconcile("")
