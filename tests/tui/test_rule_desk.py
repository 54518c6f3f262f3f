"""Every kind of rule through the two front doors: the form of the rules screen, and the commands."""

import json
import shutil
from pathlib import Path

import pytest

from audit.rules import files
from audit.rules.describe import sentence
from audit.rules.model import from_dict, keys, kinds, required_keys, to_dict
from tests.tui.command import Command
from tui.session.core import CoreSession
from tui.session.rules import rule_entry

TEXTS = {
    "consent": {"grace": "2d"},
    "mute": {"campaigns": "kindle-specials"},
    "sensitive": {},
    "exclude_event": {"events": 'o-1841, "with, comma"', "customers": "scene-01-nail-clipper"},
    "cooldown": {"after": "order_completed", "window": "7d", "same": "category", "depth": "1"},
    "sunset": {"unengaged": "5", "engagement": "open", "per": "customer, campaign"},
    "min_gap": {"window": "16h"},
    "frequency_cap": {"limit": "3", "window": "7d"},
    "quiet_hours": {"quiet": "21:00-08:00"},
}
"""Kind → what somebody types into its form."""


@pytest.fixture
def desk(scenes: Path) -> CoreSession:
    from audit.privacy.roles import Role, Viewer

    return CoreSession(scenes, Viewer(Role.ADMIN))


@pytest.fixture
def own(
    scenes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    """On a copy that a test may change."""
    shutil.copytree(scenes, tmp_path / "own")
    return Command(tmp_path / "own", capsys, monkeypatch)


def made(kind, desk):
    draft = desk.rules.draft({"id": f"my-{kind}", "kind": kind, **TEXTS[kind]})
    assert draft.errors == {}
    return from_dict(draft.keys)


def test_a_form_can_be_had_for_every_kind(desk: CoreSession) -> None:
    assert tuple(reversed(tuple(desk.rules.kinds()))) == kinds() == tuple(TEXTS)


@pytest.mark.parametrize("kind", kinds())
def test_a_blank_form_has_every_key_of_its_kind_and_marks_the_needed_ones(
    desk: CoreSession, kind: str
) -> None:
    fields = {field.key: field for field in desk.rules.blank(kind).fields}
    assert {key for key, field in fields.items() if field.needed} == {"id", *required_keys(kind)}
    assert set(fields) == set(keys(kind)) - {"kind", "enabled"}


@pytest.mark.parametrize("kind", kinds())
def test_what_a_form_shows_of_a_rule_reads_back_as_that_rule(desk: CoreSession, kind: str) -> None:
    rule = made(kind, desk)
    shown = {field.key: field.text for field in rule_entry(rule).fields}
    assert desk.rules.draft({"id": rule.id, "kind": kind, **shown}).keys == to_dict(rule)
    assert rule_entry(rule).gist == sentence(rule)


def test_a_form_begins_with_what_matters_and_offers_what_the_data_names(desk: CoreSession) -> None:
    fields = desk.rules.blank("frequency_cap").fields
    assert [field.key for field in fields if field.matters] == [
        "id", "limit", "window", "window_kind", "per", "exempt_counts", "channels", "campaigns", "categories", "except_campaigns",
    ]  # fmt: skip
    assert {field.key for field in fields if not field.matters} >= {
        "title",
        "note",
        "week_start",
        "topics",
        "valid_from",
    }
    assert all(field.hint for field in fields if field.key in {"id", "limit", "window", "per", "valid_from"})
    assert {field.key for field in fields if field.named and field.matters} == {
        "channels", "campaigns", "categories", "except_campaigns",
    }  # fmt: skip
    assert {field.key: (field.choices[:2], field.single) for field in fields if field.choices} == {
        "window_kind": (("rolling", "calendar"), True),
        "per": (("customer", "channel"), False),
        "exempt_counts": (("true", "false"), True),
        "message_classes": (("marketing", "transactional"), False),
        "declared": (("true", "false"), True),
        "on_fail": (("drop", "defer"), True),
        "week_start": (("monday", "tuesday"), True),
    }
    campaigns = desk.rules.named("except_campaigns")
    assert campaigns["browse-retarget-beauty"] == 7
    assert list(campaigns.values()) == sorted(campaigns.values(), reverse=True)
    assert {"Beauty", "Beauty > Nails"} < set(desk.rules.named("categories"))


def test_a_rule_is_held_against_the_data_and_the_book(desk: CoreSession) -> None:
    keys = {"id": "new", "kind": "mute", "campaigns": ["browse-retarget-beaut"]}
    checked = desk.rules.check(keys)
    assert [warning.in_words for warning in checked.warnings] == [
        "no message in this data has 'browse-retarget-beaut'; the nearest is browse-retarget-beauty"
    ]
    assert checked.messages == 0
    assert desk.rules.check(keys | {"campaigns": ["browse-retarget-beauty"]}).messages == 7


def test_senders_come_nearest_first(desk: CoreSession) -> None:
    there = desk.replays.vendors(
        {"id": "cap", "kind": "frequency_cap", "limit": 3, "window": "7d", "per": ["channel"]}
    )
    (first, _), *_, (_, last) = there.items()
    assert there[first].endswith("\nas it stands")
    assert "\nnot at all: " in last


def test_names_with_commas_stay_whole(desk: CoreSession) -> None:
    assert made("exclude_event", desk).events == ("o-1841", "with, comma")
    assert made("sunset", desk).per == ("customer", "campaign")


@pytest.mark.parametrize(
    ("kind", "key", "text"),
    [("sunset", "unengaged", "many"), ("sunset", "engagement", "reply"), ("consent", "grace", "soon")],
)
def test_what_is_wrong_is_told_of_its_field(desk: CoreSession, kind: str, key: str, text: str) -> None:
    assert set(desk.rules.draft({"id": "r", "kind": kind, **TEXTS[kind], key: text}).errors) == {key}


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_is_replayed_on_the_screen(desk: CoreSession, kind: str) -> None:
    rule = to_dict(made(kind, desk))
    everybody = desk.replays.replay(rule, None)
    assert everybody.messages == everybody.stopped + everybody.let_through + everybody.exempt
    one = desk.replays.replay(rule, desk.workspace.resolve("scene-09-breach"))
    assert 0 < one.messages < everybody.messages
    if kind == "consent":
        assert one.stopped > 0


def test_a_file_of_all_nine_is_simulated_added_and_explains_a_message(own: Command, tmp_path: Path) -> None:
    file = tmp_path / "nine.toml"
    desk_rules = [from_dict({"id": kind, "kind": kind, **NEEDS.get(kind, {})}) for kind in kinds()]
    file.write_text(files.dump(desk_rules), encoding="utf-8")
    simulated = json.loads(own("simulate", "--rules", str(file), "--json").out)
    assert [rule["id"] for rule in simulated["rules"]] == list(kinds())
    assert own("rules", "add", str(file), "--yes").code == 0
    why = own("why", "scene-03-expecting-mother", "--message", first_mail(own), "--json")
    said = {rule["id"]: rule["verdict"] for rule in json.loads(why.out)["rules"]}
    assert said["sensitive"] == "stops"
    assert (said["consent"], said["exclude_event"]) == ("allows", "allows")


NEEDS = {
    "mute": {"campaigns": ["none of them"]},
    "exclude_event": {"events": ["o-1841"]},
    "cooldown": {"after": ["order_completed"], "window": "7d"},
    "sunset": {"unengaged": 3},
    "min_gap": {"window": "1h"},
    "frequency_cap": {"limit": 3, "window": "7d"},
    "quiet_hours": {"quiet": "21:00-08:00"},
}


def first_mail(own: Command) -> str:
    from audit.workspace.workspace import Workspace

    ws = Workspace.open(own.workspace)
    events = ws.history(ws.resolve("scene-03-expecting-mother"))
    mails = events.filter(kind="message_sent", campaign_id="little-one")
    return str(mails["event_id"][0])
