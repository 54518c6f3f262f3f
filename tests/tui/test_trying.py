"""Rules tried on one customer: what stands beside each mail is what the replay says."""

import shutil
from pathlib import Path

import pytest

from audit.errors import NotFoundError, NotPermittedError
from audit.privacy.roles import Role, Viewer
from audit.rules.model import from_dict
from tui.session.core import CoreSession
from tui.session.view_models import Change

NIGHT = {"id": "night", "kind": "quiet_hours", "quiet": "00:00-23:00", "time_zone": "UTC"}


@pytest.fixture
def own(scenes: Path, tmp_path: Path) -> CoreSession:
    """A session on a copy whose book holds no rule that is switched on."""
    shutil.copytree(scenes, tmp_path / "workspace")
    session = CoreSession(tmp_path / "workspace", Viewer())
    for entry in session.rules.entries():
        if entry.enabled:
            made(session, Change("disable", entry.id))
    return session


def made(session: CoreSession, change: Change) -> None:
    session.rules.plan(change)
    session.rules.apply(change)


def test_the_rules_that_are_on_are_tried_together(own: CoreSession) -> None:
    clipper = own.customers.resolve("scene-01-nail-clipper")
    rule = {**own.customers.picture(clipper, ()).findings[0].suggested_rule, "enabled": True}
    made(own, Change("add", rule["id"], rule))
    tried = own.customers.try_rules(clipper, (), None)
    assert (tried.rules, len(tried.stopped), tried.deferred) == ("1 rule of the book", 11, {})
    assert all(
        text.startswith(f"stopped by {rule['id']}: order or shipment of the same category")
        for text in tried.stopped.values()
    )
    assert set(tried.stopped) <= set(own.customers.picture(clipper, ()).timeline["key"])


def test_without_the_purchase_the_rule_stops_nothing(own: CoreSession) -> None:
    clipper = own.customers.resolve("scene-01-nail-clipper")
    finding = own.customers.picture(clipper, ()).findings[0]
    rule = {**finding.suggested_rule, "enabled": True}
    made(own, Change("add", rule["id"], rule))
    assert own.customers.try_rules(clipper, tuple(finding.cause), None).stopped == {}


def test_a_deferred_mail_is_told_its_new_time(own: CoreSession) -> None:
    made(own, Change("add", "night", NIGHT))
    diapers = own.customers.resolve("scene-10-happy-diapers")
    tried = own.customers.try_rules(diapers, (), None)
    assert tried.stopped == {}
    assert tried.deferred
    assert {text[-6:] for text in tried.deferred.values()} == {" 23:00"}


def test_where_no_rule_is_on_the_suggested_one_is_tried_and_said_to_be_in_no_book(own: CoreSession) -> None:
    clipper = own.customers.resolve("scene-01-nail-clipper")
    rule = own.customers.picture(clipper, ()).findings[0].suggested_rule
    tried = own.customers.try_rules(clipper, (), rule)
    assert tried.rules == f"the suggested {from_dict(rule).id}, not in the book"
    assert len(tried.stopped) == 11
    with pytest.raises(NotFoundError, match="no rule is switched on"):
        own.customers.try_rules(clipper, (), None)


def test_who_may_not_ask_why_may_not_try(scenes: Path) -> None:
    session = CoreSession(scenes, Viewer(Role.AGENT))
    with pytest.raises(NotPermittedError):
        session.customers.try_rules("c_1", (), None)
