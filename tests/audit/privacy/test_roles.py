import ast
from pathlib import Path

import pytest

from audit.errors import NotPermittedError
from audit.privacy.roles import TABLE, WITHOUT_COMMAND, Reach, Role, Viewer

PRODUCT = Path(__file__).parents[3]


def asked_for() -> set[str]:
    """The actions that the product asks a viewer about: texts in calls of `require`, `may` and `reach`."""
    texts = set()
    for folder in ("audit", "tui"):
        for path in (PRODUCT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in {"require", "may", "reach"}
                ):
                    texts |= {part.value for part in ast.walk(node) if isinstance(part, ast.Constant)}
    return texts & set(TABLE)


def test_every_action_is_asked_for_somewhere_or_marked_as_without_a_command():
    assert asked_for() == set(TABLE) - WITHOUT_COMMAND


def test_the_maker_may_do_everything():
    assert all(Viewer().may(action) for action in TABLE)


def test_an_agent_sees_one_customer_at_a_time_and_only_with_a_ticket():
    assert Viewer(Role.AGENT, ticket="T-1").reach("show") is Reach.ONE
    with pytest.raises(NotPermittedError, match="needs a ticket"):
        Viewer(Role.AGENT).require("show")
    with pytest.raises(NotPermittedError, match="not in the role agent"):
        Viewer(Role.AGENT, ticket="T-1").require("import")


def test_lists_open_to_agents_by_policy_only():
    assert not Viewer(Role.AGENT, ticket="T-1").may("list")
    assert Viewer(Role.AGENT, ticket="T-1", lists_for_agents=True).may("list")
    assert not Viewer(Role.AGENT, ticket="T-1", lists_for_agents=True).may("simulate")


def test_the_policy_for_lists_changes_nothing_for_who_may_see_them_anyhow():
    assert Viewer(Role.AGENT, lists_for_agents=True).reach("audit_all") is Reach.ALL
    assert Viewer(Role.AGENT, lists_for_agents=True).reach("show") is Reach.NONE
    assert Viewer(Role.AGENT, ticket="T-1", lists_for_agents=True).reach("show") is Reach.ONE
    assert Viewer(Role.OPERATOR, lists_for_agents=True).reach("tracking") is Reach.OWN


@pytest.mark.parametrize(
    ("action", "reaches"),
    [
        ("show", (Reach.ONE, Reach.ALL, Reach.ALL, Reach.ALL)),
        ("simulate", (Reach.NONE, Reach.ALL, Reach.ALL, Reach.ALL)),
        ("sensitive", (Reach.NONE, Reach.ALL, Reach.NONE, Reach.ALL)),
        ("reveal", (Reach.ONE, Reach.ALL, Reach.NONE, Reach.ALL)),
        ("log", (Reach.NONE, Reach.ALL, Reach.OWN, Reach.ALL)),
        ("import", (Reach.NONE, Reach.NONE, Reach.ALL, Reach.ALL)),
        ("restore", (Reach.NONE, Reach.NONE, Reach.NONE, Reach.ALL)),
    ],
)
def test_how_far_each_role_may_go(action, reaches):
    assert tuple(Viewer(role, ticket="T-1").reach(action) for role in Role) == reaches
    without_ticket = tuple(Reach.NONE if reach is Reach.ONE else reach for reach in reaches)
    assert tuple(Viewer(role).reach(action) for role in Role) == without_ticket


def test_an_entry_of_its_own_is_enough_to_be_let_in():
    assert Viewer(Role.OPERATOR).may("log")
    Viewer(Role.OPERATOR).require("log")


def test_a_lowered_role_keeps_ticket_reason_and_policy():
    lowered = Viewer(ticket="T-1", reason="a call", lists_for_agents=True).lowered("agent")
    assert lowered == Viewer(Role.AGENT, "T-1", "a call", lists_for_agents=True)


def test_sensitive_topics_are_named_to_reviewer_and_admin():
    assert [role for role in Role if Viewer(role, ticket="T").names_sensitive] == [Role.REVIEWER, Role.ADMIN]


@pytest.mark.parametrize("role", ["agent", "reviewer", "operator", "admin"])
def test_an_admin_can_take_any_role(role):
    assert Viewer(ticket="T-1").lowered(role).name == role
    assert Viewer(ticket="T-1").lowered(role).ticket == "T-1"


@pytest.mark.parametrize(
    ("start", "wanted"),
    [
        ("agent", "admin"),
        ("agent", "reviewer"),
        ("reviewer", "operator"),
        ("operator", "reviewer"),
        ("operator", "admin"),
    ],
)
def test_a_role_is_never_raised(start, wanted):
    with pytest.raises(NotPermittedError, match="only be lowered"):
        Viewer().lowered(start).lowered(wanted)


def test_an_unknown_role_or_action_is_refused():
    with pytest.raises(NotPermittedError, match="is no role"):
        Viewer().lowered("root")
    with pytest.raises(KeyError):
        Viewer().may("fly")
