"""Out of the usual pattern: said among the findings, left out with one key, ruled out with another."""

import pytest

from tests.tui.canned import FakeSession
from tests.tui.conftest import Started
from tui.screens.rule_dialogs import SuggestionDialog

ODD = {
    "order_id": "4711", "at": "2025-11-04T10:12:00Z", "score": 3.2, "percentile": 100.0, "common": None,
    "hard": True, "signs": ["gift"],
    "text": "The order of 2025-11-04 (1 thing, marked as a gift): 12 of 12 others are nearer.",
    "because": [{"item_id": "i", "title": "Palette", "score": 3.0, "text": "Palette: nothing else here lies in Beauty.",
                 "times": 0, "others": 0, "kind": "Beauty", "mostly": None, "share": 0.01}],
    "evidence": ["o-1841"],
    "things": 1, "others": 12, "new": 1, "kinds": ["Beauty"], "hour": None,
    "suggested_rule": {"id": "leave-out-4711", "kind": "exclude_event", "title": "Nothing that rests on it", "events": ["o-1841"]},
}  # fmt: skip


@pytest.fixture
def session() -> FakeSession:
    made = FakeSession()
    made.odd = [ODD]
    return made


async def test_it_stands_under_the_findings_as_a_hint(started: Started, session: FakeSession) -> None:
    async with started("large", session=session) as driver:
        await driver.press("enter", "shift+tab")
        assert "out of the usual pattern: hints (1)" in driver.words
        assert "recorded: gift" in driver.words


async def test_o_leaves_it_out_and_o_again_puts_it_back(started: Started, session: FakeSession) -> None:
    async with started(session=session) as driver:
        await driver.press("enter", "o")
        assert ("picture", "c_00000000", ("o-1841",)) in session.asked
        assert "1 event left out" in driver.words
        await driver.press("o")
        assert [one for one in session.asked if one[0] == "picture"][-1] == ("picture", "c_00000000", ())


async def test_the_other_key_proposes_its_rule(started: Started, session: FakeSession) -> None:
    async with started(session=session) as driver:
        await driver.press("enter", "O")
        assert isinstance(driver.app.screen, SuggestionDialog)
        assert "exclude_event" in driver.words


@pytest.mark.parametrize("key", ["o", "O"])
async def test_where_nothing_is_out_of_pattern_the_keys_say_so(started: Started, key: str) -> None:
    async with started() as driver:
        await driver.press("enter", key)
        assert "nothing is out of this account's usual pattern" in driver.words
