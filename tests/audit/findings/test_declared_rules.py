"""What a sender declares, held against what it sent."""

from dataclasses import replace

import polars as pl
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from audit import findings
from audit.errors import InputError
from audit.findings.check_context import CheckContext
from audit.findings.checks import declared_rules
from audit.rules.model import from_dict, to_dict
from audit.rules.reference import histories
from audit.rules.scopes import class_of, in_scope, valid
from tests import build
from tests.audit.findings.histories import mail
from tests.audit.rules.build import cap
from tests.audit.rules.test_properties import calendars, caps, rows

DAILY = [mail(f"2026-01-0{day}T10:00", event_id=f"d{day}", campaign_id="news") for day in range(1, 8)]


def found(rows, *documents, at=None):
    frame = build.events(*rows)
    rules = tuple(from_dict({"declared": True, **one}) for one in documents)
    context = replace(build.context(frame, at), declared=rules)
    made = findings.find(frame, context, checks=["declared-vs-observed"])
    return made.to_dicts()


def test_nothing_declared_is_nothing_found():
    assert found(DAILY) == []


def test_what_broke_a_cap_is_listed_with_what_it_counted():
    (finding,) = found(DAILY[:4], cap(3, "7d", title="At most three a week"))
    assert finding["messages"] == ["d4"]
    assert finding["evidence"] == ["d1", "d2", "d3", "d4"]
    assert (finding["count"], finding["subject"], finding["severity"], finding["verdict"]) == (
        1,
        "cap",
        "medium",
        "risk",
    )
    assert finding["text"] == (
        "1 of 4 messages from 2026-01-01 to 2026-01-04 went out against what the sender declares: At most three a week; "
        "up to 4 where 3 may."
    )


def test_a_cap_that_was_kept_is_no_finding_and_the_window_is_open_at_its_beginning():
    assert found(DAILY, cap(7, "7d")) == []
    assert found([DAILY[0], mail("2026-01-08T10:00")], cap(1, "7d")) == []
    assert len(found([DAILY[0], mail("2026-01-08T09:59:59")], cap(1, "7d"))) == 1


def test_what_went_out_against_the_cap_counts_too():
    (finding,) = found(DAILY, cap(2, "7d"))
    assert finding["messages"] == ["d3", "d4", "d5", "d6", "d7"]


def test_only_while_it_is_declared():
    limits = {"valid_from": "2026-01-03T00:00:00Z", "valid_until": "2026-01-06T00:00:00Z"}
    (finding,) = found(DAILY, cap(1, "7d", **limits))
    assert finding["messages"] == ["d4", "d5"]


@pytest.mark.parametrize(
    ("limits", "messages"),
    [
        ({"valid_until": "2026-01-05T10:00:00Z"}, ["d1", "d2", "d3", "d4"]),
        ({"valid_until": "2026-01-05T10:00:00.000001Z"}, ["d1", "d2", "d3", "d4", "d5"]),
        ({"valid_until": "2026-01-05T09:59:59.999999Z"}, ["d1", "d2", "d3", "d4"]),
        ({"valid_from": "2026-01-05T10:00:00Z"}, ["d5", "d6", "d7"]),
        ({"valid_from": "2026-01-05T10:00:00.000001Z"}, ["d6", "d7"]),
        ({"valid_from": "2026-01-05T09:59:59.999999Z"}, ["d5", "d6", "d7"]),
    ],
)
@pytest.mark.parametrize(
    "rule",
    [
        {"id": "cap", "kind": "frequency_cap", "limit": 0, "window": "7d"},
        {"id": "cap", "kind": "frequency_cap", "limit": 0, "window": "1w", "window_kind": "calendar", "time_zone": "UTC"},
        {"id": "r", "kind": "mute", "campaigns": ["news"]},
    ],
    ids=["rolling", "calendar", "mute"],
)  # fmt: skip
def test_a_declared_rule_holds_from_its_first_instant_and_no_more_at_its_last(rule, limits, messages):
    (finding,) = found(DAILY, {**rule, **limits})
    assert finding["messages"] == messages


def test_what_is_counted_beside_a_rule_is_what_it_held_for_at_that_instant():
    rule = from_dict(cap(1, "1d", declared=True, valid_until="2026-01-03T10:00:00Z"))
    frame = build.events(*DAILY)
    counted = histories.sent(frame).filter(declared_rules.within(rule))
    assert counted["event_id"].to_list() == ["d1", "d2"]


@pytest.mark.parametrize(
    ("rule", "broke"),
    [
        ({"id": "r", "kind": "min_gap", "window": "25h"}, ["d2", "d3", "d4", "d5", "d6", "d7"]),
        ({"id": "r", "kind": "mute", "campaigns": ["news"]}, [f"d{day}" for day in range(1, 8)]),
        ({"id": "r", "kind": "quiet_hours", "quiet": "09:00-11:00", "time_zone": "UTC"}, [f"d{day}" for day in range(1, 8)]),
        (cap(4, "1w", window_kind="calendar", time_zone="UTC"), []),
        (cap(2, "1w", window_kind="calendar", time_zone="UTC"), ["d3", "d4", "d7"]),
        (cap(0, "7d", channels=["sms"]), []),
    ],
)  # fmt: skip
def test_every_kind_of_rule_can_be_declared(rule, broke):
    assert [finding["messages"] for finding in found(DAILY, rule)] == ([broke] if broke else [])


def test_quiet_hours_where_no_zone_is_known_cannot_be_told():
    (finding,) = found(DAILY, {"id": "r", "kind": "quiet_hours", "quiet": "09:00-11:00"})
    assert (finding["verdict"], finding["severity"], finding["messages"]) == ("cannot_tell", "info", [])
    assert "7 messages" in finding["text"]


def test_the_suggested_rule_is_the_same_one_for_us_to_keep():
    (finding,) = found(DAILY, cap(2, "7d", title="Two a week"))
    rule = from_dict(findings.rule_from_json(finding["suggested_rule"]))
    assert (rule.id, rule.declared, rule.limit, rule.window) == ("cap-kept", False, 2, "7d")


def test_a_rule_about_somebody_else_says_nothing():
    assert found(DAILY, cap(0, "7d", customers=["c_2"])) == []
    assert found(DAILY, cap(0, "7d", except_customers=["c_1"])) == []
    assert len(found(DAILY, {"id": "r", "kind": "mute", "customers": ["c_1"]})) == 1
    assert found(DAILY, {"id": "r", "kind": "mute", "customers": ["c_2"]}) == []


def broken_by_hand(frame, rule, context):
    """Message by message, everything having gone out."""
    made = set()
    for history in histories.histories(histories.sent(frame), frame, [rule], context.facts):
        evaluator = rule.evaluator(history)
        for message in history.messages:
            if not valid(rule, message.at) or not in_scope(rule, message):
                continue
            judged = class_of(message) in rule.message_classes
            if judged and evaluator.blocking(message, message.at) is not None:
                made.add((history.customer, message.event_id))
            if judged or rule.exempt_counts:
                evaluator.record_sent(message, message.at)
    return made


@settings(max_examples=45, deadline=None)
@given(rows.filter(bool), rows, st.one_of(caps, calendars))
def test_counting_in_columns_finds_what_asking_one_by_one_finds(history, other, document):
    frame = build.events(*history, *({**row, "customer_id": "c_2"} for row in other))
    rule, context = from_dict(document), build.context(frame)
    made = declared_rules.broken(rule, CheckContext(frame, context))
    flat = made.select("customer_id", "messages").explode("messages", empty_as_null=True).drop_nulls()
    assert set(flat.rows()) == broken_by_hand(frame, rule, context)


scopes = st.fixed_dictionaries(
    {},
    optional={
        name: st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True)
        for kind, values in {
            "channels": ("email", "sms"),
            "campaigns": ("news", "cart"),
            "categories": ("A", "A > B", "C"),
            "topics": ("t1", "t2"),
            "items": ("7",),
            "senders": ("brand",),
        }.items()
        for name in (kind, f"except_{kind}")
    },
)


@settings(max_examples=45, deadline=None)
@given(scopes, st.data())
def test_scopes_in_columns_are_scopes_of_messages(scope, data):
    try:
        rule = from_dict(cap(1, "7d", **scope))
    except InputError as refused:
        assert "nothing would be judged" in str(refused)
        reject()

    def one_of(*values):
        return data.draw(st.sampled_from((*values, None)))

    rows = [
        mail("2026-01-01T10:00", channel=one_of("email", "sms"), campaign_id=one_of("news"), campaign_name=one_of("cart"),
             category=one_of("A", "A > B", "A > B > C", "AB", "C"), item_id=one_of("7", "8"), sender=one_of("brand"),
             topics=data.draw(st.sampled_from((["t1"], ["t2", "t3"], [], None))))
        for _ in range(8)
    ]  # fmt: skip
    frame = build.events(*rows)
    sent = histories.sent(frame)
    (history,) = histories.histories(sent, frame, [rule], build.context(frame).facts)
    assert sent.filter(declared_rules.within(rule))["event_id"].to_list() == [
        message.event_id for message in history.messages if in_scope(rule, message)
    ]


def test_the_workspace_hands_its_declared_rules_in(scenes, tmp_path):
    import shutil

    from audit.queries import documents as answers
    from audit.queries.everybody import read_everybody
    from audit.workspace.workspace import Workspace

    shutil.copytree(scenes, tmp_path / "own")
    ws = Workspace.open(tmp_path / "own")
    rule = from_dict(cap(1, "7d", declared=True, customers=["scene-06-forty-a-day"]))
    ws.book.apply(ws.book.plan_add([rule]))
    assert to_dict(ws.context().declared[0])["customers"] == [ws.resolve("scene-06-forty-a-day")]
    made = read_everybody(ws).found
    broken = made.filter(pl.col("check") == "declared-vs-observed")
    assert broken["customer"].to_list() == [ws.resolve("scene-06-forty-a-day")]
    alone = answers.audit(ws, "scene-06-forty-a-day").findings
    assert [list(one.messages) for one in alone if one.check == "declared-vs-observed"] == broken[
        "messages"
    ].to_list()


def test_a_declared_opt_out_rule_is_held_against_what_was_sent():
    no = {"kind": "unsubscribed", "at": "2026-01-05T11:00", "event_id": "no"}
    (finding,) = found([*DAILY, no], {"id": "stop", "kind": "consent", "title": "Opt-outs count at once"})
    assert (finding["messages"], finding["evidence"]) == (["d6", "d7"], ["no", "d6"])
    assert finding["text"].startswith(
        "2 of 2 messages from 2026-01-06 to 2026-01-07 went out against what the sender declares: Opt-outs"
    )


@pytest.mark.parametrize(
    ("rule", "lacks"),
    [
        ({"kind": "sunset", "unengaged": 2}, "this data holds no clicks by people"),
        ({"kind": "sensitive"}, "what brought the message about is not known"),
        ({"kind": "exclude_event", "events": ["e"]}, "what brought the message about is not known"),
    ],
)
def test_what_cannot_be_told_of_a_declared_rule_is_said(rule, lacks):
    (finding,) = found(DAILY, {"id": "r", **rule})
    assert (finding["verdict"], finding["messages"]) == ("cannot_tell", [])
    assert lacks in finding["text"]


def test_of_a_calendar_cap_that_was_kept_where_no_zone_is_known_nothing_is_said():
    assert found(DAILY, cap(5, "1w", window_kind="calendar", time_zone="customer")) == []


def test_of_two_rules_each_is_explained_by_itself():
    frame = build.events(*DAILY, mail("2026-02-01T10:00", event_id="later", campaign_id="news"))
    rules = tuple(
        from_dict({"declared": True, **document})
        for document in (cap(1, "7d", customers=["c_1"]), {"id": "gap", "kind": "min_gap", "window": "25h"})
    )
    context = replace(build.context(frame), declared=rules)
    made = findings.find(frame, context, checks=["declared-vs-observed"])
    assert sorted(made["subject"]) == ["cap", "gap"]
    for ident, subject in made.select("id", "subject").iter_rows():
        proof = findings.finding(frame, context, ident).counterfactual
        assert proof is not None
        kept = {"cap": "d2 d3 d4 d5 d6 d7", "gap": "d2 d4 d6"}[subject]
        assert " ".join(proof.remove) == kept


def test_a_message_in_several_rows_has_no_plan():
    rows = [row | {"message_id": row["event_id"]} for row in DAILY]
    again = rows[0] | {"event_id": "again", "at": "2026-01-01T11:00"}
    rule = from_dict({"declared": True, "id": "r", "kind": "mute", "campaigns": ["news"]})
    for history, plans in ((rows, 1), ([*rows, again], 0)):
        frame = build.events(*history)
        context = CheckContext(frame, replace(build.context(frame), declared=(rule,)))
        assert len(declared_rules.DeclaredRules().last_resort(context, {"subject": "r"})) == plans


def test_where_one_message_too_many_went_out_any_one_of_them_may_go():
    frame = build.events(*DAILY[:4])
    context = replace(build.context(frame), declared=(from_dict(cap(3, "7d", declared=True)),))
    (ident,) = findings.find(frame, context, checks=["declared-vs-observed"])["id"]
    proof = findings.finding(frame, context, ident).counterfactual
    assert proof is not None
    assert (len(proof.remove), set(proof.needed)) == (1, {"d1", "d2", "d3", "d4"})


@pytest.mark.parametrize(
    ("zones", "plans"),
    [
        (("Europe/Berlin",), 1),
        (("Europe/Berlin", "America/New_York"), 0),
        (("No/Where",), 1),  # none is known
        ((None,), 1),
    ],
)
def test_by_the_customers_clock_there_is_a_plan_where_it_is_one_clock(zones, plans):
    rows = [row | {"time_zone": zones[number % len(zones)]} for number, row in enumerate(DAILY)]
    rule = from_dict({"declared": True, "id": "r", "kind": "quiet_hours", "quiet": "09:00-11:00"})
    frame = build.events(*rows)
    context = CheckContext(frame, replace(build.context(frame), declared=(rule,)))
    assert len(declared_rules.DeclaredRules().last_resort(context, {"subject": "r"})) == plans
