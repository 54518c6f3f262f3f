"""Many of one campaign in a row without a click."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit import findings
from audit.findings import CHECKS
from audit.findings.check_context import CheckContext
from audit.population import responses, stats
from audit.privacy.role_view import MARK
from audit.storage.manifest import Settings
from tests import build
from tests.audit.findings.histories import act, found, found_in, mail

_START = datetime(2026, 1, 1, tzinfo=UTC)
WEEKS = (1, 8, 15, 22, 29)


def _mails(*days: float, **columns):
    return [
        mail(_START + timedelta(days=day), campaign_id="weekly", message_id=f"m{number}", **columns)
        for number, day in enumerate(days, start=1)
    ]


def _clicked(number: int, day: float = 300, **columns):
    return act("message_clicked", _START + timedelta(days=day), message_id=f"m{number}", **columns)


_ELSEWHERE = act("message_clicked", _START, message_id="other", customer_id="c_9")


def test_four_in_a_row_are_no_finding_and_five_are():
    assert found("ignored-streak", *_mails(1, 8, 15, 29), _ELSEWHERE) == []
    (finding,) = found("ignored-streak", *_mails(*WEEKS), _ELSEWHERE)
    assert (
        finding["text"]
        == '5 mails of "weekly" in a row from 2026-01-02 to 2026-01-30, and no click or visit in that time is recorded.'
    )
    assert (finding["case"], finding["severity"], finding["count"]) == ("unanswered", "low", 5)


def test_five_within_minutes_are_a_burst_and_no_streak():
    minutes = [minute / 1440 for minute in (0, 10, 20, 30, 40)]
    assert found("ignored-streak", *_mails(*minutes), _ELSEWHERE) == []
    assert len(found("over-frequency", *_mails(*minutes))) == 1


def test_a_streak_is_longer_than_a_holiday():
    assert found("ignored-streak", *_mails(0, 1, 2, 2.5, 20.99), _ELSEWHERE) == []
    assert len(found("ignored-streak", *_mails(0, 1, 2, 2.5, 21), _ELSEWHERE)) == 1


def test_a_click_ends_a_streak_and_what_has_ended_is_none():
    assert found("ignored-streak", *_mails(*WEEKS), _clicked(3)) == []
    assert found("ignored-streak", *_mails(*WEEKS, 36), _clicked(6)) == []
    (finding,) = found("ignored-streak", *_mails(1, *(day + 7 for day in WEEKS)), _clicked(1))
    assert (finding["case"], finding["count"]) == ("unanswered", 5)


def test_a_click_by_a_machine_is_no_click():
    assert found("ignored-streak", *_mails(*WEEKS), _clicked(3, machine=True))[0]["count"] == 5


def test_three_of_them_must_lie_within_ninety_days():
    assert found("ignored-streak", *_mails(0, 45, 90, 135, 180), _ELSEWHERE) == []
    assert len(found("ignored-streak", *_mails(0, 45, 89.99, 135, 180), _ELSEWHERE)) == 1


def test_one_silence_is_one_finding_whatever_the_campaigns():
    rows = [row | {"campaign_id": f"c{number % 2}"} for number, row in enumerate(_mails(*range(0, 56, 7)))]
    (finding,) = found("ignored-streak", *rows, _ELSEWHERE)
    assert (finding["subject"], finding["count"]) == ("email", 8)
    assert finding["text"].startswith('8 mails of "c1" and 1 other campaign in a row')
    rule = findings.rule_from_json(finding["suggested_rule"])
    assert (rule["kind"], rule["campaigns"], rule["unengaged"]) == ("sunset", ["c0", "c1"], 4)


def _rates(messages: int, clicked: int, recipients: int = 11, campaign: str = "weekly"):
    row = ("email", campaign, recipients, messages, clicked, clicked)
    return pl.DataFrame([row], schema=responses.RESPONSES, orient="row")


def test_a_run_must_be_longer_than_the_campaigns_own_response_rate_makes_it():
    weekly = [*_mails(*range(0, 28 * 7, 7)), _ELSEWHERE]
    for clicked, length in ((10, 29), (11, 26), (100, 5), (0, None)):
        facts = replace(stats.none(), responses=_rates(100, clicked))
        # nobody answers it, yet people answer others: a silence that says nothing of this customer
        if not clicked:
            others = _rates(100, 5, campaign="other")
            facts = replace(facts, responses=pl.concat([facts.responses, others]))
        found_here = found("ignored-streak", *weekly, facts=facts)
        assert bool(found_here) == (length is not None and length <= 28), clicked
    (finding,) = found("ignored-streak", *weekly, facts=replace(stats.none(), responses=_rates(100, 11)))
    assert finding["text"].endswith(
        "and no click or visit in that time is recorded. Of 100 messages of this campaign here, 11 are followed by one."
    )
    assert findings.rule_from_json(finding["suggested_rule"])["unengaged"] == 25


def _silences(*counted: tuple[int, int]):
    rows = [("email", "click", messages, people) for messages, people in counted]
    return replace(stats.none(), silences=pl.DataFrame(rows, schema=responses.SILENCES, orient="row"))


@pytest.mark.parametrize(
    ("counted", "least"),
    [
        (((0, 40), (9, 10)), 9),
        (((0, 39), (9, 11)), 10),
        (((0, 30), (7, 10), (9, 10)), 9),
        (((0, 45), (3, 5)), 5),
        (((0, 38), (9, 11)), 5),
    ],
)
def test_a_run_as_more_than_one_in_five_have_is_none(counted, least):
    """Where most never click, no click is no news; of fewer than fifty people nobody can say."""
    facts = _silences(*counted)
    for length in (least - 1, least):
        made = found("ignored-streak", *_mails(*range(0, 7 * length, 7)), _ELSEWHERE, facts=facts)
        assert len(made) == (length == least)
    if least > 5:
        (finding,) = made
        assert findings.rule_from_json(finding["suggested_rule"])["unengaged"] == least - 1


def test_at_most_one_in_five_is_found_where_most_never_click():
    """Thirty of fifty never click, all others seldom, and the data holds no visit."""
    rows = [
        row | {"customer_id": f"c_{person:02}", "message_id": f"{person}-{week}"}
        for person in range(50)
        for week, row in enumerate(_mails(*range(0, 7 * (45 - person % 10), 7)))
    ]
    clicked = [
        act("message_clicked", row["at"], message_id=row["message_id"], customer_id=row["customer_id"])
        for row in rows
        if int(row["customer_id"][2:]) >= 30 and int(row["message_id"].partition("-")[2]) % 4 == 0
    ]
    events = build.events(*rows, *clicked)
    answers, unanswered = responses.count(events.lazy())
    facts = replace(stats.none(), responses=answers, silences=unanswered)
    assert 0 < len({row["customer"] for row in found_in("ignored-streak", events, facts=facts)}) <= 10


@pytest.mark.parametrize(("messages", "recipients"), [(99, 11), (100, 10)])
def test_a_rate_of_few_messages_or_people_is_none(messages, recipients):
    facts = replace(stats.none(), responses=_rates(messages, 1, recipients))
    assert len(found("ignored-streak", *_mails(*WEEKS), _ELSEWHERE, facts=facts)) == 1


@pytest.mark.parametrize(
    ("kind", "columns", "ends"),
    [
        ("order_completed", {}, True),
        ("product_viewed", {}, True),
        ("unsubscribed", {"channel": "email"}, True),
        ("subscribed", {}, True),
        ("unsubscribed", {"channel": "sms"}, False),
        ("profile_updated", {}, False),
        ("order_completed", {"source": "inferred"}, False),
    ],
)
def test_whoever_comes_by_or_chooses_does_not_ignore(kind, columns, ends):
    sign = act(kind, _START + timedelta(days=16), item_id="i", **columns)
    assert bool(found("ignored-streak", *_mails(*WEEKS), sign, _ELSEWHERE)) != ends


def test_how_often_people_answer_is_counted_by_message():
    mails = [row | {"customer_id": f"c_{number}"} for number, row in enumerate(_mails(1, 2, 3))]
    clicks = [
        _clicked(1, customer_id="c_0"),
        _clicked(1, customer_id="c_0"),
        _clicked(2, machine=True, customer_id="c_1"),
    ]
    opened = act("message_opened", _START + timedelta(days=9), message_id="m3", customer_id="c_2")
    service = mail("2026-01-05", message_id="s") | {"message_class": "service"}
    counted, _ = responses.count(build.events(*mails, *clicks, opened, service).lazy())
    assert counted.rows() == [("email", "weekly", 3, 3, 1, 2)]


@pytest.mark.parametrize(
    ("sign", "click", "opened"),
    [
        ({"kind": "product_viewed"}, 1, 1),
        ({"kind": "product_viewed", "source": "inferred"}, 3, 3),
        ({"kind": "unsubscribed"}, 1, 1),
        ({"kind": "subscribed", "channel": "email"}, 1, 1),
        ({"kind": "unsubscribed", "channel": "sms"}, 3, 3),
        ({"kind": "message_clicked", "message_id": "m2"}, 1, 1),
        ({"kind": "message_opened", "message_id": "m2"}, 3, 1),
        ({"kind": "message_clicked", "message_id": "m2", "machine": True}, 3, 3),
    ],
)
def test_how_many_have_left_how_many_unanswered_is_counted_as_the_runs_are(sign, click, opened):
    row = act(at=_START + timedelta(days=9), **sign)
    _, counted = responses.count(build.events(*_mails(1, 8, 15), row).lazy())
    assert counted.rows() == [("email", "click", click, 1), ("email", "open", opened, 1)]


def test_who_comes_by_before_the_next_message_answers_the_one_before():
    visit = act("product_viewed", _START + timedelta(days=9))
    other = mail(_START + timedelta(days=8.5), channel="push", message_id="p")
    counted, _ = responses.count(build.events(*_mails(1, 8, 15), visit, other).lazy())
    assert counted.rows() == [("email", "weekly", 1, 3, 1, 1), ("push", "unknown", 1, 1, 1, 1)]


def test_without_any_click_in_the_data_nobody_can_tell():
    (finding,) = found("ignored-streak", *_mails(*WEEKS))
    assert (finding["verdict"], finding["severity"]) == ("cannot_tell", "info")
    assert "no clicks" in finding["text"]
    assert found("ignored-streak", *_mails(*WEEKS[:4])) == []


def test_opens_count_only_where_the_workspace_chose_them():
    opened = act("message_opened", _START + timedelta(days=3), message_id="m3")
    rows = [*_mails(*WEEKS), opened, _ELSEWHERE]
    assert len(found("ignored-streak", *rows)) == 1
    assert found("ignored-streak", *rows, settings=Settings(engagement="open")) == []


def test_somebody_whose_mail_only_machines_open_cannot_be_told():
    machine = act("message_opened", _START + timedelta(days=3), message_id="m3", machine=True)
    person = act("message_opened", _START, message_id="other", customer_id="c_9")
    rows = [*_mails(*WEEKS), machine, person]
    (finding,) = found("ignored-streak", *rows, settings=Settings(engagement="open"))
    assert finding["verdict"] == "cannot_tell"


def test_a_campaign_on_a_sensitive_topic_is_not_named_to_an_agent():
    rows = _mails(*WEEKS, topics=["pregnancy"], campaign_name="Expecting")
    (finding,) = found("ignored-streak", *rows, _ELSEWHERE, named=False)
    assert finding["text"].startswith(f'5 mails of "{MARK}" in a row')
    assert "Expecting" not in str(finding)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.booleans()), max_size=25))
def test_it_finds_the_run_that_counting_by_hand_finds(history):
    days = [day for day, _ in history]
    clicks = [_clicked(number, 500) for number, (_, clicked) in enumerate(history, start=1) if clicked]
    events = build.events(*_mails(*days), *clicks, _ELSEWHERE)
    clicked = {row["message_id"] for row in clicks}
    runs: list[list[tuple[datetime, str]]] = [[]]
    for row in events.to_dicts():
        if row["kind"] == "message_sent" and row["message_id"] in clicked:
            runs.append([])
        elif row["kind"] == "message_sent":
            runs[-1].append((row["occurred_at"], row["event_id"]))

    def dense(run):
        return any(run[at][0] - run[at - 2][0] < timedelta(days=90) for at in range(2, len(run)))

    def lasts(run):
        return run[-1][0] - run[0][0] >= timedelta(days=21)

    expected = [run for run in runs[-1:] if len(run) >= 5 and dense(run) and lasts(run)]
    made = found_in("ignored-streak", events)
    assert [finding["messages"] for finding in made] == [
        [event_id for _, event_id in run] for run in expected
    ]


def test_a_streak_is_looked_for_among_messages_what_became_of_them_and_what_ends_it():
    rows = [
        *_mails(1, 2),
        _clicked(2, event_id="click"),
        act("product_viewed", "2026-01-05"),
        act("profile_updated", "2026-01-05"),
    ]
    events = build.events(*rows, act("message_opened", "2026-01-06", message_id="x"))
    (nearest,) = CHECKS["ignored-streak"].nearest_events(events, events.head(1))
    assert nearest.equals(events.filter(~pl.col("kind").is_in(["profile_updated"])))


def test_what_the_data_lacks_is_said_by_what_the_workspace_counts():
    for engagement, lacking in (("click", "no clicks for"), ("open", "no opens or clicks by people for")):
        (finding,) = found("ignored-streak", *_mails(*WEEKS), settings=Settings(engagement=engagement))
        assert lacking in finding["text"]


def test_opens_are_asked_only_where_the_data_holds_any():
    rows = [*_mails(*WEEKS), _ELSEWHERE]
    (finding,) = found("ignored-streak", *rows, settings=Settings(engagement="open"))
    assert finding["case"] == "unanswered"


def test_what_cannot_be_told_has_no_plan_to_remove_anything():
    events = build.events(*_mails(*WEEKS))
    context = build.context(events)
    (finding,) = findings.find(events, context, checks=["ignored-streak"]).to_dicts()
    assert CHECKS["ignored-streak"].removal_plans(CheckContext(events, context), finding) == ()


def test_where_clicks_count_it_does_not_matter_who_opened():
    machine = act("message_opened", _START + timedelta(days=3), message_id="m3", machine=True)
    person = act("message_opened", _START, message_id="other", customer_id="c_9")
    (finding,) = found("ignored-streak", *_mails(*WEEKS), machine, person, _ELSEWHERE)
    assert finding["case"] == "unanswered"


@pytest.mark.parametrize(("reason", "severity"), [("bereavement", "info"), (None, "low")])
def test_since_a_life_changed_a_silence_is_no_more_than_noted(reason, severity):
    closed = act("registry_closed", _START + timedelta(days=3), reason=reason)
    (finding,) = found("ignored-streak", *_mails(*WEEKS), closed, _ELSEWHERE)
    assert finding["severity"] == severity
    assert (finding["suggested_rule"] is None) == (severity == "info")
