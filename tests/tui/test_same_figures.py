"""One question has one answer: what a rule does alone, and what it does within the book, wherever it is asked."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins
from textual.widgets import Input

from audit.privacy.roles import Viewer
from audit.rules import files
from audit.rules.model import from_dict, to_dict
from audit.workspace.workspace import Workspace
from tests.tui.command import Command
from tests.tui.conftest import Driver, painted_when_read
from tui.app import WhysentApp
from tui.screens.rules import RulesScreen
from tui.session.core import CoreSession
from tui.session.view_models import Change
from tui.widgets.rule_form import FieldRow

RULES = {
    "cap": {"kind": "frequency_cap", "limit": 1, "window": "3d"},
    "gap": {"kind": "min_gap", "window": "30h", "channels": ["email"]},
    "named-by-their-own-id": {"kind": "mute", "customers": ["scene-06-forty-a-day"]},
    "topics": {"kind": "sensitive"},
    "later": {"kind": "quiet_hours", "quiet": "20:00-09:00", "time_zone": "UTC"},
}


@pytest.fixture
def own(
    scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """On a copy that a test may change."""
    shutil.copytree(scenes, tmp_path / "own")
    return Command(tmp_path / "own", capsys, monkeypatch)


@pytest.fixture
def session(own: Command, tmp_path: Path) -> CoreSession:
    return CoreSession(tmp_path / "own", Viewer())


def stopped(own: Command, *options: object) -> dict[str, Any]:
    return json.loads(own("simulate", *options, "--json").out)


@pytest.mark.parametrize("name", RULES)
def test_plan_pane_replay_and_inbox_say_the_same_of_a_rule(
    own: Command, session: CoreSession, tmp_path: Path, name: str
) -> None:
    file, before = tmp_path / "rule.toml", stopped(own)
    rule = from_dict({"id": name, **RULES[name]})
    keys = to_dict(rule)
    file.write_text(files.dump([rule]), encoding="utf-8")
    planned = own("rules", "add", file, "--json")
    effect = json.loads(planned.out)["effect"]
    assert planned.code == 1
    assert effect["stopped"] + effect["moved"] > 0

    within = session.replays.beside_the_others(keys, "")
    assert to_builtins(within) == effect
    on_screen = session.rules.plan(Change("add", name, keys)).lines
    assert on_screen[-2:] == tuple(within.lines())
    assert all(line in planned.err for line in within.lines())

    alone = stopped(own, "--rules", file)
    in_pane = json.loads(json.dumps(session.replays.replay(keys, None).to_json()))
    assert in_pane == alone

    assert own("rules", "propose", file).code == 0
    (group,) = json.loads(own("rules", "inbox", "p1", "--json").out)["groups"]
    (asked,) = group["asked"]
    assert asked["within_book"] == effect
    assert asked["alone"] == {key: alone[key] for key in asked["alone"]}
    assert session.replays.beside_the_others(keys, "p1") == within
    assert session.rules.plan(Change("approve", "p1")).lines[-2:] == tuple(within.lines())
    page = own("rules", "inbox", "p1").out
    assert f"{alone['stopped']:,} of {alone['messages']:,} messages stopped" in page
    assert all(line in page for line in within.lines())

    assert own("rules", "add", file, "--yes").code == 0
    after = stopped(own)
    assert after["stopped"] - before["stopped"] == effect["stopped"] - effect["freed"]
    assert session.replays.beside_the_others(keys, "") == within


def test_a_list_of_proposals_replays_nothing(own: Command, tmp_path: Path) -> None:
    file = tmp_path / "rule.toml"
    file.write_text('[[rule]]\nid = "no"\nkind = "mute"\n')
    assert own("rules", "propose", file).code == 0
    (group,) = json.loads(own("rules", "inbox", "--json").out)["groups"]
    assert (group["asked"][0]["alone"], group["asked"][0]["within_book"]) == (None, None)


async def test_the_screen_names_both_and_sees_what_another_process_changed(
    session: CoreSession, tmp_path: Path
) -> None:
    app = WhysentApp(session)
    with painted_when_read():
        async with app.run_test(size=(160, 50), notifications=True) as pilot:
            driver = Driver(app, pilot)
            await driver.settle()
            await driver.press("3")
            assert isinstance(app.screen, RulesScreen)
            await driver.until(lambda: "This rule alone" in driver.text and "people directly" in driver.text)
            assert "Within the book with it, as against without it" in driver.words
            elsewhere = Workspace.open(tmp_path / "own").book
            elsewhere.apply(elsewhere.plan_set("email-weekly-cap", {"limit": 1}))
            elsewhere.apply(elsewhere.plan_add([from_dict({"id": "made-elsewhere", **RULES["gap"]})]))
            await driver.until(lambda: "made-elsewhere" in driver.text)
            await driver.settle()
            assert "the rule book was changed elsewhere" in driver.words
            assert app.screen.entry.keys["limit"] == 1
            assert app.screen.entry.version == 2


async def test_an_edit_is_kept_where_another_process_changed_the_rule(
    session: CoreSession, tmp_path: Path
) -> None:
    app = WhysentApp(session)
    with painted_when_read():
        async with app.run_test(size=(160, 50), notifications=True) as pilot:
            driver = Driver(app, pilot)
            await driver.settle()
            await driver.press("3", "enter")
            assert app.screen.entry.id == "email-weekly-cap"
            row = next(row for row in app.screen.form.query(FieldRow) if row.field.key == "limit")
            field = row.query_one(Input)
            field.value = "2"
            await driver.settle()
            assert app.screen.unsaved
            elsewhere = Workspace.open(tmp_path / "own").book
            elsewhere.apply(elsewhere.plan_disable("email-weekly-cap"))
            await driver.until(lambda: "your edit is kept" in driver.words)
            assert (app.screen.unsaved, field.value) == (True, "2")
