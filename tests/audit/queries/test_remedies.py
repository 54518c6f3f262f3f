"""What would stop a finding: a rule of the book that does already is named, and nothing new is proposed."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit.errors import InputError
from audit.queries import documents, remedies
from audit.queries.case import Case
from audit.rules.model import from_dict
from audit.workspace.workspace import Workspace
from tests import build


@pytest.fixture
def own(scenes: Path, tmp_path: Path) -> Workspace:
    """The scenes, with no rule switched on."""
    shutil.copytree(scenes, tmp_path / "workspace")
    ws = Workspace.open(tmp_path / "workspace")
    for rule in ws.book.enabled():
        ws.book.apply(ws.book.plan_disable(rule.id))
    return ws


def nails(ws: Workspace):
    return documents.audit(ws, "scene-01-nail-clipper").findings[0]


def switch_on(ws: Workspace, keys, **changed) -> None:
    ws.book.apply(ws.book.plan_import([from_dict({**keys, **changed})]))


def test_a_suggestion_says_what_it_would_have_stopped_and_what_of_it_was_welcome(own: Workspace) -> None:
    finding = nails(own)
    effect = finding.suggested_effect
    assert (effect.stops, effect.of, effect.messages, effect.last_resort) == (11, 11, 11, False)
    assert (effect.wanted.responded, effect.wanted.converted) == (1, 0)
    assert finding.covered_by is None


def test_a_rule_of_the_book_that_stops_it_is_named_and_nothing_is_proposed(own: Workspace) -> None:
    finding = nails(own)
    before = datetime.now(UTC)
    switch_on(own, finding.suggested_rule, id="until-due", title="Until it is due")
    covered = nails(own).covered_by
    assert (covered.id, covered.title, covered.stops, covered.of) == ("until-due", "Until it is due", 11, 11)
    assert before - timedelta(seconds=1) <= covered.since <= datetime.now(UTC)
    assert (
        covered.in_words
        == f"already covered by until-due, on since {covered.since:%Y-%m-%d}: it stops 11 of 11; not handed over yet"
    )
    assert nails(own).suggested_rule is nails(own).suggested_effect is None
    assert documents.explain(own, finding.customer, finding=finding.id).covered_by == covered
    assert documents.show(own, finding.customer).findings[0].covered_by == covered
    with pytest.raises(InputError, match="already covered by until-due"):
        remedies.suggested(own, finding.customer, finding.id)


@pytest.mark.parametrize(
    "changed", [{"enabled": False}, {"declared": True}, {"customers": ["c_1"]}, {"items": ["no"]}]
)
def test_a_rule_that_is_off_or_about_something_else_covers_nothing(own: Workspace, changed) -> None:
    finding = nails(own)
    switch_on(own, {**finding.suggested_rule, **changed})
    assert nails(own).covered_by is None
    assert nails(own).suggested_rule == finding.suggested_rule


def test_rules_cover_together_what_neither_does_alone(own: Workspace) -> None:
    finding = nails(own)
    sent = own.history(finding.customer).filter(kind="message_sent")
    half = sent.sort("occurred_at")["occurred_at"][len(sent) // 2]
    rule = finding.suggested_rule
    switch_on(own, rule, id="early", valid_until=half.isoformat())
    assert nails(own).covered_by is None
    switch_on(
        own,
        rule,
        id="early",
        valid_from="2000-01-01T00:00:00Z",
        campaigns=sorted(set(sent["campaign_id"]))[:1],
    )
    switch_on(own, rule, id="late", campaigns=sorted(set(sent["campaign_id"]))[1:])
    covered = nails(own).covered_by
    assert covered.stops < covered.together == covered.of == 11
    assert covered.in_words.endswith(
        f"it stops {covered.stops} of 11, with the other rules 11; not handed over yet"
    )


def test_a_rule_is_on_since_it_judges_as_it_does(own: Workspace) -> None:
    finding = nails(own)
    switch_on(own, finding.suggested_rule)
    since = nails(own).covered_by.since
    own.book.apply(own.book.plan_set(finding.suggested_rule["id"], {"title": "Another title"}))
    assert (nails(own).covered_by.since, nails(own).covered_by.title) == (since, "Another title")
    own.book.apply(own.book.plan_set(finding.suggested_rule["id"], {"fallback": "900d"}))
    assert nails(own).covered_by.since > since


@pytest.mark.parametrize(("handed_over", "stops"), [("2026-01-01T08:00", None), ("2026-01-01T12:00", 1)])
def test_no_rule_is_offered_for_what_was_handed_over_before_anything_was_wrong(
    handed_over: str, stops: int | None
) -> None:
    message = {"message_id": "m", "channel": "email", "campaign_id": "cart", "item_id": "lamp"}
    frame = build.events(
        {"kind": "product_added", "at": "2026-01-01T07:00", "item_id": "lamp"},
        {"kind": "message_attempted", "at": handed_over, **message},
        {"kind": "order_completed", "at": "2026-01-01T10:00", "item_id": "lamp"},
        {
            "kind": "message_sent",
            "at": "2026-01-01T14:00",
            "message_class": "marketing",
            "trigger": "cart",
            **message,
        },
    )
    (finding,) = remedies.findings(Case("c_1", frame, build.context(frame)))
    assert finding.check == "cart-after-purchase"
    assert (finding.suggested_effect and finding.suggested_effect.stops) == stops
    assert (finding.suggested_rule is None) == (stops is None)


def test_messages_that_went_out_though_the_rule_was_on_are_counted(own: Workspace) -> None:
    finding = nails(own)
    since = finding.first + timedelta(seconds=1)
    own.book.apply(own.book.plan_add([from_dict(finding.suggested_rule)]))
    assert nails(own).covered_by.sent_since == 0
    (period,) = own.book.in_force()
    case = remedies.read_case(own, finding.customer)
    earlier = remedies.Case(case.customer, case.events, case.context, (period._replace(since=since),))
    assert remedies.findings(earlier)[0].covered_by.sent_since == 10


def test_after_a_death_only_a_mute_covers_it(own: Workspace) -> None:
    """A rule that lets mail to the dead pass again some day is no answer to it, though it stops what went out."""

    def died():
        return next(
            row
            for row in documents.audit(own, "scene-04-tool-set").findings
            if row.case == "customer_deceased"
        )

    cooldown = {
        "id": "until-due",
        "kind": "cooldown",
        "after": ["order_completed"],
        "same": "category",
        "window": "730d",
    }
    switch_on(own, cooldown)
    finding = died()
    assert (finding.covered_by, finding.suggested_rule["kind"]) == (None, "mute")
    switch_on(own, finding.suggested_rule)
    assert died().covered_by.id == finding.suggested_rule["id"]
