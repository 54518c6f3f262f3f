"""The screens' door to the core, on the scenes: what they are shown is what the core says."""

import shutil
from pathlib import Path

import msgspec
import polars as pl
import pytest

from audit import ingest
from audit.errors import InputError, NotFoundError, NotPermittedError
from audit.privacy.roles import Role, Viewer
from audit.workspace.workspace import Workspace
from tests.tui.conftest import Driver, painted_when_read
from tui.app import WhysentApp
from tui.rendering import bars
from tui.screens.customer import CustomerScreen
from tui.session.core import CoreSession
from tui.session.customers import BECAME
from tui.session.view_models import Change, Subject


@pytest.fixture(scope="module")
def session(scenes: Path) -> CoreSession:
    return CoreSession(scenes, Viewer())


@pytest.fixture
def own(scenes: Path, tmp_path: Path) -> CoreSession:
    """A session on a copy, for what changes the book."""
    shutil.copytree(scenes, tmp_path / "workspace")
    return CoreSession(tmp_path / "workspace", Viewer())


@pytest.fixture(scope="module")
def clipper(session: CoreSession) -> str:
    return session.customers.resolve("scene-01-nail-clipper")


def disable(session: CoreSession, rule: str) -> None:
    session.rules.plan(Change("disable", rule))
    session.rules.apply(Change("disable", rule))


def test_the_heading_says_what_is_loaded(session: CoreSession) -> None:
    opening = session.open()
    assert opening.customers == session.customers.triage().customers.height
    assert opening.coverage.startswith("data: ")
    assert (opening.role, opening.lists_people) == ("admin", True)


def test_the_nail_clipper_gets_a_verdict_with_cause_end_and_remedy(
    session: CoreSession, clipper: str
) -> None:
    verdict = session.customers.verdict(session.customers.picture(clipper, ()))
    assert verdict.severity == "high"
    assert verdict.text.startswith("11 mails about nail clippers")
    assert verdict.causes.startswith("Could be: bought Nail clipper")
    covered = (
        "Already covered by until-repurchase, on since 2026-11-21: it stops 11 of 11; not handed over yet."
    )
    assert (verdict.remedy, verdict.rule) == (covered, None)


def test_what_is_left_out_for_good_stops_something_or_is_the_nearest_that_does_or_nothing_is(
    session: CoreSession,
) -> None:
    def left_out(person: str, what: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        customer = session.customers.resolve(person)
        timeline = session.customers.picture(customer, ()).timeline
        asked = tuple(timeline.filter(pl.col("what").str.starts_with(what))["events"][0])
        return asked, session.customers.nearest_to_leave_out(customer, asked)

    asked, nearest = left_out("scene-03-expecting-mother", "was put into expecting-parents")
    assert nearest == asked
    asked, nearest = left_out("scene-01-nail-clipper", "Nail clipper deals")
    assert "o-1841" in nearest
    assert not {*asked} & {*nearest}
    assert left_out("scene-01-nail-clipper", "Larkfield weekly")[1] == ()


def test_what_no_rule_of_the_book_stops_gets_one_suggested(own: CoreSession) -> None:
    disable(own, "until-repurchase")
    clipper = own.customers.resolve("scene-01-nail-clipper")
    verdict = own.customers.verdict(own.customers.picture(clipper, ()))
    assert verdict.remedy.endswith("would have stopped 11 of 11.")
    assert verdict.rule["kind"] == "cooldown"


def test_for_a_dead_person_a_mute_is_all_that_may_be_offered(session: CoreSession) -> None:
    kinds = {}
    for person in ("scene-04-tool-set", "scene-04-bereaved-parents", "scene-01-nail-clipper"):
        picture = session.customers.picture(session.customers.resolve(person), ())
        kinds[person] = picture.only_rule and picture.only_rule["kind"]
        if picture.only_rule is not None:
            assert {rule.suggested_rule["kind"] for rule in picture.out_of_pattern} <= {"mute"}
    assert kinds == {
        "scene-04-tool-set": "mute",
        "scene-04-bereaved-parents": None,
        "scene-01-nail-clipper": None,
    }


def test_every_event_of_the_history_is_in_the_timeline_once(session: CoreSession, clipper: str) -> None:
    picture = session.customers.picture(clipper, ())
    shown = [event for row in picture.timeline["events"] for event in row]
    assert sorted(shown) == sorted(session.workspace.history(clipper)["event_id"])


def test_a_finding_points_at_rows_of_the_timeline(session: CoreSession, clipper: str) -> None:
    picture = session.customers.picture(clipper, ())
    keys = set(picture.timeline["key"])
    assert set(picture.findings[0].messages) <= keys
    assert set(picture.findings[0].cause) <= keys


def test_without_the_purchase_the_finding_falls_away(session: CoreSession, clipper: str) -> None:
    before = session.customers.picture(clipper, ())
    (bought,) = before.findings[0].cause
    after = session.customers.picture(clipper, (bought,))
    assert before.findings[0].id not in {found.id for found in after.findings}
    assert after.without == (bought,)


def test_what_is_explained_can_be_named_by_every_row(session: CoreSession, clipper: str) -> None:
    picture = session.customers.picture(clipper, ())
    for message in picture.timeline["message"].drop_nulls():
        assert session.customers.explain(clipper, Subject("message", message), ()).because
    for segment in picture.segments:
        assert session.customers.explain(clipper, Subject("segment", segment.id), ()).subject.id == segment.id
    for item in picture.recommendations[:3]:
        assert session.customers.explain(clipper, Subject("item", item.item_id), ()).because


def test_every_scene_has_a_picture_a_verdict_and_a_note(session: CoreSession) -> None:
    for customer in session.customers.triage().customers["customer"]:
        picture = session.customers.picture(customer, ())
        assert session.customers.verdict(picture).text
        assert session.customers.report(customer, "internal", "en").text
        for locale in ("en", "de"):
            reply = session.customers.report(customer, "reply", locale)
            assert bool(reply.text) != bool(reply.refusal)


def test_the_list_of_checks_and_who_has_them_agree(session: CoreSession) -> None:
    triage = session.customers.triage()
    for key, people in triage.checks.select("key", "customers").iter_rows():
        assert triage.members.filter(triage.members["key"] == key)["customer"].n_unique() == people


def test_campaigns_come_with_their_mails_and_the_worst_first(session: CoreSession) -> None:
    early: list[pl.DataFrame] = []
    flows = session.customers.campaigns(early.append)
    counts = ["campaign", "messages", *BECAME]
    assert early[0].select(counts).sort("campaign").equals(flows.select(counts).sort("campaign"))
    assert early[0]["findings"].is_null().all(), "the counts are told before the findings are there"
    assert flows.columns[:4] == ["campaign", "name", "messages", "clicked"]
    assert flows["severity"][0] == "high"


def test_of_what_the_data_has_no_event_there_is_no_count(session: CoreSession, scenes: Path) -> None:
    flows, absent = session.customers.campaigns(), Workspace.open(scenes).context().coverage.absent
    assert {name for name in BECAME if flows[name].is_null().all()} == {
        name for name in BECAME if f"message_{name}" in absent
    }
    assert flows["delivered"].is_null().all()
    row = flows.row(0, named=True)
    assert "delivered" not in bars.campaign_in_words(row)
    assert "response" not in bars.campaign_in_words(row | {"clicked": None})
    explained = dict(bars.campaign_figures(row))
    assert explained["– delivered"].startswith("this data has no event that says so: ")
    assert explained[f"{row['messages']:,} mails"] == bars.MEANT["messages"]
    shown = [column.name for column in bars.campaign_columns(flows, 100)]
    assert set(shown[4:]) == {"messages", *(name for name in BECAME if not flows[name].is_null().all())}
    assert [column.name for column in bars.campaign_columns(flows, 50)][4:] == ["messages", "clicked"]


def test_an_agent_sees_no_list_and_changes_no_rule(scenes: Path) -> None:
    agent = CoreSession(scenes, Viewer(Role.AGENT, "4711"))
    assert agent.open().lists_people is False
    for refused in (agent.customers.triage, agent.customers.campaigns, agent.rules.entries):
        with pytest.raises(NotPermittedError):
            refused()
    with pytest.raises(NotPermittedError):
        agent.replays.replay({"id": "x", "kind": "mute"}, None)
    own = agent.replays.replay({"id": "x", "kind": "mute"}, agent.customers.resolve("scene-01-nail-clipper"))
    assert own.stopped == 14


def test_an_agent_without_a_ticket_sees_nobody(scenes: Path) -> None:
    agent = CoreSession(scenes, Viewer(Role.AGENT))
    with pytest.raises(NotPermittedError, match="ticket"):
        agent.customers.resolve("scene-01-nail-clipper")
    with pytest.raises(NotPermittedError):
        agent.customers.picture("c_1", ())


def test_a_sensitive_topic_is_not_named_to_an_agent(scenes: Path) -> None:
    agent, reviewer = (
        CoreSession(scenes, Viewer(Role.AGENT, "4711")),
        CoreSession(scenes, Viewer(Role.REVIEWER)),
    )
    customer = agent.customers.resolve("scene-03-expecting-mother")
    assert "pregnancy" in reviewer.customers.picture(customer, ()).verdict.text
    seen = agent.customers.picture(customer, ())
    assert "pregnancy" not in f"{seen.verdict} {seen.document} {agent.customers.verdict(seen)}"


def test_who_is_not_there_is_not_found_and_not_named(session: CoreSession) -> None:
    with pytest.raises(NotFoundError) as caught:
        session.customers.resolve("nobody@example.org")
    assert "nobody" not in str(caught.value)


# -- rules ------------------------------------------------------------------------------------------------------------


def test_a_rule_read_back_from_its_form_is_the_same_rule(session: CoreSession) -> None:
    for entry in session.rules.entries():
        texts = {"id": entry.id, "kind": str(entry.keys["kind"])} | {
            field.key: field.text for field in entry.fields
        }
        draft = session.rules.draft(texts)
        assert draft.errors == {}
        assert {**draft.keys, "enabled": entry.enabled} == {**entry.keys, "enabled": entry.enabled}


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("limit", "many", "is no whole number"),
        ("window", "soon", "is no duration"),
        ("enabled", "perhaps", "neither true nor false"),
        ("on_fail", "explode", ""),
    ],
)
def test_what_is_wrong_is_said_of_the_key_that_is_wrong(
    session: CoreSession, key: str, text: str, said: str
) -> None:
    texts = {"id": "x", "kind": "frequency_cap", "limit": "3", "window": "7d"} | {key: text}
    errors = session.rules.draft(texts).errors
    assert list(errors) == [key]
    assert said in errors[key]


def test_a_replay_of_one_customer_knows_nothing_of_what_is_still_to_come(
    own: CoreSession, tmp_path: Path
) -> None:
    rule = {"id": "x", "kind": "mute"}
    customer = own.customers.resolve("scene-01-nail-clipper")
    before = own.replays.replay(rule, customer)
    planned = tmp_path / "planned.csv"
    planned.write_text(
        "customer_id,occurred_at,kind\nscene-01-nail-clipper,2999-01-01,message_sent\n", encoding="utf-8"
    )
    ingest.import_paths(own.workspace, [planned])
    after = own.replays.replay(rule, customer)
    assert after.later == 1
    assert msgspec.structs.replace(after, later=before.later, left_out=before.left_out) == before
    assert before.messages > 10


@pytest.mark.parametrize("kind", ["mute", "cooldown", "min_gap", "frequency_cap", "quiet_hours"])
def test_a_blank_rule_asks_for_what_its_kind_needs(session: CoreSession, kind: str) -> None:
    blank = session.rules.blank(kind)
    needed = [field.key for field in blank.fields if field.needed]
    assert needed[0] == "id"
    texts = {
        "id": "x",
        "kind": kind,
        "limit": "1",
        "window": "7d",
        "after": "order_completed",
        "quiet": "21:00-08:00",
    }
    assert (
        session.rules.draft({key: text for key, text in texts.items() if key in {*needed, "kind"}}).errors
        == {}
    )


def test_a_change_needs_its_plan_and_makes_a_version_and_undo_takes_it_back(own: CoreSession) -> None:
    before = {entry.id: entry for entry in own.rules.entries()}
    keys = {**before["email-weekly-cap"].keys, "limit": 1}
    change = Change("set", "email-weekly-cap", keys)
    with pytest.raises(Exception, match="no plan"):
        own.rules.apply(change)
    plan = own.rules.plan(change)
    assert any("limit: 3 → 1" in line for line in plan.lines)
    assert any("more stopped" in line for line in plan.lines)
    assert own.rules.entries()[0].version == before["email-weekly-cap"].version
    assert "version 2" in own.rules.apply(change)
    own.rules.plan(Change("undo", ""))
    own.rules.apply(Change("undo", ""))
    after = {entry.id: entry for entry in own.rules.entries()}
    assert after["email-weekly-cap"].keys == before["email-weekly-cap"].keys
    assert sum(line.startswith("v") for line in own.rules.history("email-weekly-cap")) == 3


def test_a_key_that_was_emptied_gets_its_default_back(own: CoreSession) -> None:
    keys = {key: value for key, value in own.rules.entries()[0].keys.items() if key != "channels"}
    change = Change("set", "email-weekly-cap", keys)
    own.rules.plan(change)
    own.rules.apply(change)
    assert "channels" not in own.rules.entries()[0].keys


def test_undo_takes_back_only_what_was_done_in_this_sitting(own: CoreSession) -> None:
    with pytest.raises(NotFoundError):
        own.rules.plan(Change("undo", ""))


def test_a_suggested_rule_goes_into_the_book_switched_off(own: CoreSession) -> None:
    disable(own, "until-repurchase")
    rule = own.customers.verdict(
        own.customers.picture(own.customers.resolve("scene-01-nail-clipper"), ())
    ).rule
    assert rule is not None
    change = Change("add", str(rule["id"]), {**rule, "enabled": False})
    own.rules.plan(change)
    own.rules.apply(change)
    assert {entry.id: entry.enabled for entry in own.rules.entries()}[str(rule["id"])] is False
    with pytest.raises(InputError):
        own.rules.plan(change)


def test_the_five_cases_opened_last_are_remembered_by_pseudonym_alone(own: CoreSession) -> None:
    ids = ["scene-13-just-say-thanks", *(f"scene-09-{case}" for case in ("breach", "objected", "queued-before")),
           "scene-05-junk-box", "scene-06-forty-a-day", "scene-09-breach"]  # fmt: skip
    people = [own.customers.resolve(one) for one in ids]
    for one in people:
        own.customers.picture(one, ())
    assert own.customers.recent() == tuple(dict.fromkeys(reversed(people)))[:5]
    file = own.workspace.path / "recent.json"
    assert file.stat().st_mode & 0o077 == 0
    assert "scene" not in file.read_text(encoding="utf-8")


def test_files_are_private_and_stay_in_the_workspace(own: CoreSession) -> None:
    path = Path(own.write_export("../../verdict.txt", "text"))
    assert path.parent == own.workspace.path / "exports"
    assert path.read_text(encoding="utf-8") == "text"
    assert path.stat().st_mode & 0o077 == 0


# -- the real thing on the screen -----------------------------------------------------------------------------------


async def test_an_agent_comes_from_an_id_to_the_verdict(scenes: Path) -> None:
    app = WhysentApp(CoreSession(scenes, Viewer(Role.AGENT, "4711")), agent=True)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        driver = Driver(app, pilot)
        await driver.settle()
        app.focused.value = "scene-01-nail-clipper"
        await driver.press("enter")
        await driver.settle()
        assert isinstance(app.screen, CustomerScreen)
        assert "11 mails about nail clippers" in driver.words
        assert "it stops 11 of 11" in driver.words
        assert "ticket 4711" in driver.words


def test_findings_are_made_anew_when_what_a_sender_declares_changes(own: CoreSession) -> None:
    before = {row["check"] for row in own.customers.triage().checks.iter_rows(named=True)}
    standing = own.data_version()
    assert "declared-vs-observed" not in before
    rule = {
        "id": "theirs",
        "kind": "frequency_cap",
        "limit": 1,
        "window": "30d",
        "declared": True,
        "enabled": True,
    }
    change = Change("add", "theirs", rule)
    own.rules.plan(change)
    own.rules.apply(change)
    assert own.data_version() != standing
    assert "declared-vs-observed" in {
        row["check"] for row in own.customers.triage().checks.iter_rows(named=True)
    }
    clipper = own.customers.resolve("scene-06-forty-a-day")
    assert "declared-vs-observed" in {found.check for found in own.customers.picture(clipper, ()).findings}


def damage(folder: Path) -> None:
    """Other bytes in the middle of every file of events; head and tail stay. Nothing that was found in them is kept."""
    for kept in folder.glob("facts/*/findings-*"):
        shutil.rmtree(kept)
    for file in (folder / "events").glob("*.parquet"):
        content = bytearray(file.read_bytes())
        content[len(content) // 4 : 3 * len(content) // 4] = b"\xff" * (
            3 * len(content) // 4 - len(content) // 4
        )
        file.write_bytes(content)


@pytest.mark.parametrize("keyed", ["1", "3"])
async def test_a_file_damaged_in_its_middle_is_one_calm_line_and_the_program_lives(
    scenes: Path, tmp_path: Path, keyed: str
) -> None:
    shutil.copytree(scenes, tmp_path / "workspace")
    damage(tmp_path / "workspace")
    app = WhysentApp(CoreSession(tmp_path / "workspace", Viewer()))
    with painted_when_read():
        async with app.run_test(size=(120, 36), notifications=True) as pilot:
            driver = Driver(app, pilot)
            await driver.settle()
            await driver.press(keyed)
            assert ".parquet:" in driver.text
            assert "damaged; restore" in driver.text
            assert app.is_running
            assert "Traceback" not in driver.text
            await driver.press("2", "1")
            assert app.is_running


@pytest.mark.parametrize(("role", "told"), [(Role.ADMIN, True), (Role.OPERATOR, False)])
def test_segments_that_only_the_sender_has_are_known_by_name_to_who_may_be_told(
    scenes: Path, role: Role, *, told: bool
) -> None:
    names = CoreSession(scenes, Viewer(role)).catalogue.names()
    segments = {one.id: one.about for one in names if one.kind == "segment"}
    assert segments["in-market:autos"] == "as the sender logged it · 1 customer · no definition of ours"
    assert any(name.startswith("expecting") for name in segments) == told
