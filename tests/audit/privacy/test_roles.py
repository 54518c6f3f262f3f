import pytest

from audit.errors import NotPermittedError
from audit.privacy.roles import TABLE, Reach, Role, Viewer


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
