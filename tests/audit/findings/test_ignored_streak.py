"""Many of one campaign in a row without a click."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from audit import findings
from audit.findings import CHECKS
from audit.findings.check_context import CheckContext
from audit.privacy.role_view import MARK
from audit.storage.manifest import Settings
from tests import build
from tests.audit.findings.histories import act, found, found_in, mail

_START = datetime(2026, 1, 1, tzinfo=UTC)


def _mails(*days: float, **columns):
    return [
        mail(_START + timedelta(days=day), campaign_id="weekly", message_id=f"m{number}", **columns)
        for number, day in enumerate(days, start=1)
    ]


def _clicked(number: int, day: float = 300, **columns):
    return act("message_clicked", _START + timedelta(days=day), message_id=f"m{number}", **columns)


_ELSEWHERE = act("message_clicked", _START, message_id="other", customer_id="c_9")


def test_four_in_a_row_are_no_finding_and_five_are():
    assert found("ignored-streak", *_mails(1, 2, 3, 4), _ELSEWHERE) == []
    (finding,) = found("ignored-streak", *_mails(1, 2, 3, 4, 5), _ELSEWHERE)
    assert finding["text"] == '5 mails of "weekly" in a row from 2026-01-02 to 2026-01-06, no click recorded.'
    assert (finding["case"], finding["severity"], finding["count"]) == ("ongoing", "low", 5)


def test_five_within_minutes_are_a_burst_and_no_streak():
    minutes = [minute / 1440 for minute in (0, 10, 20, 30, 40)]
    assert found("ignored-streak", *_mails(*minutes), _ELSEWHERE) == []
    assert len(found("over-frequency", *_mails(*minutes))) == 1


def test_a_streak_lasts_three_days_or_longer():
    assert found("ignored-streak", *_mails(0, 1, 2, 2.5, 2.99), _ELSEWHERE) == []
    assert len(found("ignored-streak", *_mails(0, 1, 2, 2.5, 3), _ELSEWHERE)) == 1


def test_a_click_ends_a_streak():
    assert found("ignored-streak", *_mails(1, 2, 3, 4, 5), _clicked(3)) == []
    (finding,) = found("ignored-streak", *_mails(1, 2, 3, 4, 5, 6), _clicked(6))
    assert (finding["case"], finding["count"]) == ("ended", 5)


def test_a_click_by_a_machine_is_no_click():
    assert found("ignored-streak", *_mails(1, 2, 3, 4, 5), _clicked(3, machine=True))[0]["count"] == 5


def test_three_of_them_must_lie_within_ninety_days():
    assert found("ignored-streak", *_mails(0, 45, 90, 135, 180), _ELSEWHERE) == []
    assert len(found("ignored-streak", *_mails(0, 45, 89.99, 135, 180), _ELSEWHERE)) == 1


def test_campaigns_are_counted_apart():
    rows = [row | {"campaign_id": f"c{number % 2}"} for number, row in enumerate(_mails(*range(8)))]
    assert found("ignored-streak", *rows, _ELSEWHERE) == []


def test_without_any_click_in_the_data_nobody_can_tell():
    (finding,) = found("ignored-streak", *_mails(1, 2, 3, 4, 5))
    assert (finding["verdict"], finding["severity"]) == ("cannot_tell", "info")
    assert "no clicks" in finding["text"]
    assert found("ignored-streak", *_mails(1, 2, 3, 4)) == []


def test_opens_count_only_where_the_workspace_chose_them():
    opened = act("message_opened", _START + timedelta(days=3), message_id="m3")
    rows = [*_mails(1, 2, 3, 4, 5), opened, _ELSEWHERE]
    assert len(found("ignored-streak", *rows)) == 1
    assert found("ignored-streak", *rows, settings=Settings(engagement="open")) == []


def test_somebody_whose_mail_only_machines_open_cannot_be_told():
    machine = act("message_opened", _START + timedelta(days=3), message_id="m3", machine=True)
    person = act("message_opened", _START, message_id="other", customer_id="c_9")
    rows = [*_mails(1, 2, 3, 4, 5), machine, person]
    (finding,) = found("ignored-streak", *rows, settings=Settings(engagement="open"))
    assert finding["verdict"] == "cannot_tell"


def test_a_campaign_on_a_sensitive_topic_is_not_named_to_an_agent():
    rows = _mails(1, 2, 3, 4, 5, topics=["pregnancy"], campaign_name="Expecting")
    (finding,) = found("ignored-streak", *rows, _ELSEWHERE, named=False)
    assert finding["text"].startswith(f'5 mails of "{MARK}" in a row')
    assert "Expecting" not in str(finding)


@settings(max_examples=60, deadline=None)
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
        return run[-1][0] - run[0][0] >= timedelta(days=3)

    expected = [run for run in runs if len(run) >= 5 and dense(run) and lasts(run)][-1:]
    made = found_in("ignored-streak", events)
    assert [finding["messages"] for finding in made] == [
        [event_id for _, event_id in run] for run in expected
    ]


def test_a_streak_is_looked_for_among_the_messages_of_its_campaign_and_what_became_of_them():
    rows = [*_mails(1, 2), _clicked(2, event_id="click"), mail("2026-01-05", campaign_id="x", message_id="x")]
    events = build.events(*rows, act("message_opened", "2026-01-06", message_id="x"))
    (nearest,) = CHECKS["ignored-streak"].nearest_events(events, events.head(1))
    assert nearest["event_id"].to_list() == ["e1", "e2", "click"]


def test_what_the_data_lacks_is_said_by_what_the_workspace_counts():
    for engagement, lacking in (("click", "no clicks for"), ("open", "no opens or clicks by people for")):
        (finding,) = found("ignored-streak", *_mails(1, 2, 3, 4, 5), settings=Settings(engagement=engagement))
        assert lacking in finding["text"]


def test_opens_are_asked_only_where_the_data_holds_any():
    rows = [*_mails(1, 2, 3, 4, 5), _ELSEWHERE]
    (finding,) = found("ignored-streak", *rows, settings=Settings(engagement="open"))
    assert finding["case"] == "ongoing"


def test_what_cannot_be_told_has_no_plan_to_remove_anything():
    events = build.events(*_mails(1, 2, 3, 4, 5))
    context = build.context(events)
    (finding,) = findings.find(events, context, checks=["ignored-streak"]).to_dicts()
    assert CHECKS["ignored-streak"].removal_plans(CheckContext(events, context), finding) == ()


def test_where_clicks_count_it_does_not_matter_who_opened():
    machine = act("message_opened", _START + timedelta(days=3), message_id="m3", machine=True)
    person = act("message_opened", _START, message_id="other", customer_id="c_9")
    (finding,) = found("ignored-streak", *_mails(1, 2, 3, 4, 5), machine, person, _ELSEWHERE)
    assert finding["case"] == "ongoing"
