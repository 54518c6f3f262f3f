"""Asking for rules and answering, through the screens' door to the core."""

import shutil
from pathlib import Path

import pytest

from audit.errors import InputError, NotPermittedError, WorkspaceError
from audit.privacy.roles import Role, Viewer
from audit.rules.replay import curve
from tui.session.core import CoreSession
from tui.session.view_models import Change, ProposalCase


@pytest.fixture
def folder(scenes: Path, tmp_path: Path) -> Path:
    """A copy of the scenes whose book stops nothing yet that a finding is about."""
    shutil.copytree(scenes, tmp_path / "workspace")
    session = CoreSession(tmp_path / "workspace", Viewer())
    for rule in ("until-repurchase", "email-weekly-cap"):
        session.rules.plan(Change("disable", rule))
        session.rules.apply(Change("disable", rule))
    return tmp_path / "workspace"


@pytest.fixture
def own(folder: Path) -> CoreSession:
    return CoreSession(folder, Viewer())


def suggested(session: CoreSession):
    clipper = session.customers.resolve("scene-01-nail-clipper")
    finding = session.customers.picture(clipper, ()).findings[0]
    return clipper, finding, finding.suggested_rule


def never(done: int, of: int) -> None:
    """Progress that nobody wants to see."""


def test_an_agent_asks_with_the_ticket_and_an_operator_finds_it_by_campaign(
    folder: Path, own: CoreSession
) -> None:
    agent = CoreSession(folder, Viewer(Role.AGENT, ticket="4711"))
    clipper, finding, rule = suggested(agent)
    assert "proposed as p1" in agent.proposals.propose(rule, ProposalCase(clipper, finding.id, "please"))
    told = agent.customers.verdict(agent.customers.picture(clipper, ())).remedy
    assert "would have stopped 11 of 11. Proposed as p1 on " in told and "; nobody has decided yet." in told
    assert agent.customers.report(clipper, "reply", "en", finding.id).no_rule in told
    (group,) = own.proposals.inbox()
    (one,) = group.proposals
    assert (group.tickets, group.customers) == (1, 1)
    assert group.campaign
    assert "ticket 4711" in one.origin
    assert clipper in one.origin
    assert one.note == "please"
    assert one.rule["id"] == rule["id"]
    assert ("p1", "proposed", 0) in {(entry.key, entry.state, entry.version) for entry in own.rules.entries()}
    with pytest.raises(NotPermittedError):
        agent.proposals.inbox()


def test_one_rule_is_proposed_once_for_a_finding_and_the_inbox_says_what_it_found(own: CoreSession) -> None:
    clipper, finding, rule = suggested(own)
    own.proposals.propose(rule, ProposalCase(clipper, finding.id))
    with pytest.raises(InputError, match="p1 asks for that already"):
        own.proposals.propose(rule, ProposalCase(clipper, finding.id, "again"))
    assert "proposed as p2" in own.proposals.propose(
        {**rule, "window": "30d"}, ProposalCase(clipper, finding.id)
    )
    one = own.proposals.inbox()[0].proposals[0]
    assert one.title == f"new rule {rule['id']}"
    assert finding.id not in one.origin
    assert own.proposals.finding_text(one.customer, one.finding) == finding.text
    own.proposals.reject("p1", "too wide")
    assert "proposed as p3" in own.proposals.propose(rule, ProposalCase(clipper, finding.id))


def test_approving_puts_it_in_force_with_a_note_and_takes_it_out_of_the_inbox(own: CoreSession) -> None:
    clipper, finding, rule = suggested(own)
    own.proposals.propose(rule, ProposalCase(clipper, finding.id))
    change = Change("approve", "p1")
    assert any(rule["id"] in line for line in own.rules.plan(change).lines)
    assert "version 1" in own.rules.apply(change, "agreed")
    assert own.proposals.inbox() == ()
    (entry,) = [one for one in own.rules.entries() if one.id == rule["id"]]
    assert entry.enabled
    assert "agreed" in own.rules.history(rule["id"])[0]


def test_rejecting_leaves_the_book_and_cannot_be_done_twice(own: CoreSession) -> None:
    before = [entry.id for entry in own.rules.entries()]
    clipper, finding, rule = suggested(own)
    own.proposals.propose(rule, ProposalCase(clipper, finding.id))
    assert own.proposals.reject("p1", "too wide") == "p1 is rejected"
    assert [entry.id for entry in own.rules.entries()] == before
    with pytest.raises(WorkspaceError, match="rejected"):
        own.proposals.reject("p1", "again")


def test_where_a_second_person_is_asked_saving_is_asking(own: CoreSession) -> None:
    own.workspace.book.ask_second_person(["rules"])
    entry = own.rules.entries()[0]
    change = Change("set", entry.id, {**entry.keys, "limit": 1})
    assert own.rules.plan(change).title.startswith("propose: set")
    assert "proposed as p1" in own.rules.apply(change)
    assert own.rules.entries()[0].version == entry.version
    own.rules.plan(Change("approve", "p1"))
    with pytest.raises(NotPermittedError, match="somebody else"):
        own.rules.apply(Change("approve", "p1"))


def test_undo_names_what_it_takes_back_and_history_tells_what_each_version_changed(own: CoreSession) -> None:
    entry = own.rules.entries()[0]
    change = Change("set", entry.id, {**entry.keys, "limit": 1})
    own.rules.plan(change)
    own.rules.apply(change, "after ticket 4711")
    plan = own.rules.plan(Change("undo", ""))
    assert plan.lines[0].startswith("takes back: v3")
    assert plan.lines[0].endswith(f"after ticket 4711 of {entry.id}")
    assert any("limit: 1 → 3" in line for line in plan.lines)
    lines = own.rules.history(entry.id)
    assert lines[0].startswith("v3")
    assert lines[1].strip() == "limit: 3 → 1"


def test_a_curve_passes_through_the_rule_as_it_stands(own: CoreSession) -> None:
    rule = {"id": "r", "kind": "frequency_cap", "limit": 3, "window": "7d"}
    drawn = own.replays.curve(rule, "limit", never, lambda _: None)
    assert (drawn.current, drawn.curve.by, drawn.note) == ("3", "limit", "")
    at = drawn.curve.labels.index("3")
    assert drawn.curve.series[0].counts[at] == own.replays.replay(rule, None).stopped
    assert list(drawn.curve.series[0].counts) == sorted(drawn.curve.series[0].counts, reverse=True)
    other = own.replays.curve(rule, "window", never, lambda _: None)
    assert (other.current, other.curve.by) == ("7d", "window")
    assert other.curve.series[0].counts[other.curve.labels.index("7d")] == drawn.curve.series[0].counts[at]


def test_a_rule_without_limit_and_window_has_no_curve(own: CoreSession) -> None:
    with pytest.raises(InputError, match="a sunset rule has neither"):
        own.replays.curve({"id": "r", "kind": "sunset", "unengaged": 3}, "limit", never, lambda _: None)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"window": "7d"}, ("1d", "2d", "3d", "5d", "7d", "14d", "28d", "60d")),
        ({"window": "45m"}, ("45m", "1h", "4h", "8h", "16h", "1d", "2d", "3d")),
        ({"window": "168h"}, ("1d", "2d", "3d", "5d", "168h", "14d", "28d", "60d")),
        ({"window": "1d", "window_kind": "calendar"}, ("1h", "1d", "1w", "1mo")),
    ],
)
def test_the_windows_of_a_curve_lie_around_the_rules_own(keys, expected) -> None:
    from audit.rules.model import from_dict

    rule = from_dict({"id": "r", "kind": "frequency_cap", "limit": 3, **keys})
    assert curve.windows_around(rule) == expected


@pytest.mark.parametrize(("now", "expected"), [(0, range(8)), (3, range(1, 9)), (20, range(16, 24))])
def test_the_limits_of_a_curve_lie_around_the_rules_own(now, expected) -> None:
    from audit.rules.model import from_dict

    rule = from_dict({"id": "r", "kind": "frequency_cap", "limit": now, "window": "7d"})
    assert curve.limits_around(rule) == tuple(expected)


def test_a_comparison_with_a_sender_is_that_of_simulate(own: CoreSession) -> None:
    rule = {"id": "r", "kind": "frequency_cap", "limit": 2, "window": "7d"}
    assert "braze" in own.replays.vendors(rule)
    found = own.replays.compare_with_vendor(rule, "braze", never)
    assert found.messages == own.replays.replay(rule, None).messages
    assert found.differ == found.only_exact + found.only_preset + found.moved


def test_the_last_act_of_a_sitting_is_named_and_taken_back_a_proposal_by_withdrawing_it(
    own: CoreSession,
) -> None:
    clipper, finding, rule = suggested(own)
    own.rules.plan(Change("enable", "email-weekly-cap"))
    own.rules.apply(Change("enable", "email-weekly-cap"))
    own.proposals.propose(rule, ProposalCase(clipper, finding.id, ""))
    assert own.rules.plan_back().title.startswith("withdraw p1")
    assert own.rules.take_back() == "p1 is withdrawn"
    assert own.proposals.inbox() == ()
    assert any(line.startswith("takes back: ") for line in own.rules.plan_back().lines)
    own.rules.take_back()
    assert not next(entry for entry in own.rules.entries() if entry.id == "email-weekly-cap").enabled
