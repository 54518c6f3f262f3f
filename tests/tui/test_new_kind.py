"""A new kind of rule is one file: what docs/architecture.md says is done here, and every door knows the kind."""

import json
import shutil
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import polars as pl
import pytest
from textual.app import App, ComposeResult

from audit.privacy.roles import Role, Viewer
from audit.rules import files, kernel, kinds, model
from audit.rules.describe import sentence
from audit.rules.scopes import RuleSet
from tests.tui.command import Command
from tui.session.core import CoreSession
from tui.session.view_models import Change
from tui.widgets.rule_form import FieldRow, RuleForm

FILE = '''
"""Days off: nothing goes out on some days of the week."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Annotated, ClassVar

from audit.rules import describe
from audit.rules.key_readers import some_of
from audit.rules.model import Rule
from audit.rules.reference.clock import WEEKDAYS
from audit.rules.reference.history import Blocking, Evaluator, History, Message


@dataclass(frozen=True, kw_only=True)
class DaysOff(Rule):
    """Blocks on these days of the week, by the clock in UTC."""

    weekdays: Annotated[tuple[str, ...], some_of(*WEEKDAYS)]

    kind: ClassVar = "days_off"
    order: ClassVar = 95
    purpose: ClassVar = "Nothing goes out on some days of the week."
    example: ClassVar = {"weekdays": ["sunday"]}
    may_defer: ClassVar = True
    judges_alone: ClassVar = True
    suppresses: ClassVar = "days"

    def evaluator(self, history: History) -> Evaluator:
        return _Days(self)

    def description(self) -> str:
        return f"No {describe.messages(self)} on {' and '.join(self.weekdays)}"

    def blocked_because(self, counted: int) -> str:
        return f"it was due on one of the days off ({', '.join(self.weekdays)})"

    def passed_because(self) -> str:
        return "it was due on another day"


class _Days(Evaluator):
    def __init__(self, rule: DaysOff) -> None:
        self._days = {WEEKDAYS.index(day) for day in rule.weekdays}

    def blocking(self, message: Message, at: datetime) -> Blocking | None:
        return Blocking() if at.weekday() in self._days else None

    def earliest_pass(self, message: Message, at: datetime, moment: datetime) -> datetime | None:
        if moment.weekday() not in self._days:
            return moment
        midnight = datetime.combine(moment.date(), time(0), moment.tzinfo)
        later = (midnight + timedelta(days=days) for days in range(1, 8))
        return next((day for day in later if day.weekday() not in self._days), None)
'''
RULE = '[[rule]]\nid = "thursday"\nkind = "days_off"\nweekdays = ["thursday"]\n'
CLIPPER = "scene-01-nail-clipper"


@pytest.fixture(autouse=True)
def days_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A file in the folder of the kinds, and nothing else."""
    folder = tmp_path / "kinds"
    folder.mkdir()
    (folder / "days_off.py").write_text(FILE, encoding="utf-8")
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, str(folder)])
    import_module("audit.rules.kinds.days_off")
    yield
    del sys.modules["audit.rules.kinds.days_off"], kinds.days_off, model.KINDS["days_off"]
    model.keys.cache_clear()


@pytest.fixture
def own(
    scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """On a copy that a test may change, with the rule in a file beside it."""
    shutil.copytree(scenes, tmp_path / "own")
    (tmp_path / "thursday.toml").write_text(RULE, encoding="utf-8")
    return Command(tmp_path / "own", capsys, monkeypatch)


def on_days_off(own: Command, tmp_path: Path) -> list[str]:
    """The event_ids of the clipper's mails that the rule stops."""
    decisions = tmp_path / "decisions.parquet"
    file = tmp_path / "thursday.toml"
    done = own("simulate", "--rules", file, "--customer", CLIPPER, "--decisions", decisions, "--json")
    rows = pl.read_parquet(decisions)
    stopped = rows.filter(pl.col("decision") == "stop")
    assert done.document["by_rule"] == {"thursday": stopped.height}
    thursdays = rows.filter((pl.col("occurred_at").dt.weekday() == 4) & (pl.col("decision") != "exempt"))
    assert stopped["event_id"].to_list() == thursdays["event_id"].to_list() != []
    return stopped["event_id"].to_list()


def test_it_is_simulated_added_and_named_by_why_and_the_report(own: Command, tmp_path: Path) -> None:
    mail = on_days_off(own, tmp_path)[0]
    assert own("rules", "add", tmp_path / "thursday.toml", "--yes").code == 0
    assert 'weekdays = ["thursday"]' in own("rules", "export", tmp_path / "all.toml").out + (
        tmp_path / "all.toml"
    ).read_text(encoding="utf-8")
    why = own("why", CLIPPER, "--message", mail, "--json").document
    verdict = next(rule for rule in why["rules"] if rule["id"] == "thursday")
    assert verdict["verdict"] == "stops"
    assert verdict["text"].startswith(
        "Stops it: it was due on one of the days off (thursday); it could pass from"
    )
    report = own("report", CLIPPER, "--format", "md")
    assert report.code == 0
    assert "2 other rules that are on would have stopped none of them" in report.out, (
        "none went on a Thursday"
    )


def test_its_form_and_the_rules_screen_know_it(own: Command) -> None:
    desk = CoreSession(own.workspace, Viewer(Role.ADMIN))
    assert next(iter(desk.rules.kinds())) == "days_off"
    assert [field.key for field in desk.rules.blank("days_off").fields if field.needed] == ["id", "weekdays"]
    draft = desk.rules.draft({"id": "thursday", "kind": "days_off", "weekdays": "wednesday, thursday"})
    assert (draft.keys["weekdays"], draft.errors) == (["wednesday", "thursday"], {})
    wrong = desk.rules.draft({"id": "thursday", "kind": "days_off", "weekdays": "thurs"}).errors
    assert wrong == {"weekdays": "there is no 'thurs'; the nearest is thursday"}
    live = desk.replays.replay(draft.keys, None)
    assert live.stopped > 0


async def test_the_form_has_a_field_for_its_key(own: Command) -> None:
    entry = CoreSession(own.workspace, Viewer(Role.ADMIN)).rules.blank("days_off")

    class Form(App[None]):
        def compose(self) -> ComposeResult:
            yield RuleForm(id="form")

    async with Form().run_test() as pilot:
        form = pilot.app.query_one(RuleForm)
        await form.put(entry)
        assert [row.field.key for row in form.query(FieldRow)][:2] == ["id", "weekdays"]


def test_it_is_tried_on_the_customer_screen(own: Command, tmp_path: Path) -> None:
    stopped = on_days_off(own, tmp_path)
    session = CoreSession(own.workspace, Viewer())
    for entry in session.rules.entries():
        if entry.enabled:
            session.rules.plan(Change("disable", entry.id))
            session.rules.apply(Change("disable", entry.id))
    keys = {"id": "thursday", "kind": "days_off", "weekdays": ["thursday"]}
    tried = session.customers.try_rules(session.customers.resolve(CLIPPER), (), keys)
    assert set(tried.stopped.values()) == {
        "stopped by thursday: it was due on one of the days off (thursday)"
    }
    assert len(tried.stopped) == len(stopped)


def test_the_gate_decides_by_it(own: Command, tmp_path: Path) -> None:
    line = {"customer_id": CLIPPER, "occurred_at": "2030-01-03T10:00:00Z", "channel": "email"}
    answer = own("gate", "--rules", tmp_path / "thursday.toml", stdin=json.dumps(line) + "\n")
    assert json.loads(answer.out)["deciding_rule"] == "thursday"


def test_what_the_kernel_does_not_know_is_for_the_reference() -> None:
    (rule,) = files.loads(RULE)
    assert not kernel.knows(RuleSet([rule]))
    assert sentence(rule) == "No marketing messages on thursday."
