"""What holds for every history: a second evaluator written straight from the contract, and laws of the replay."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.events.schema import in_order
from audit.rules.kinds.quiet_hours import quiet_hours
from audit.rules.model import from_dict
from audit.rules.reference.clock import quiet_clock, unit, unit_end
from audit.rules.replay import simulation
from tests.audit.rules.build import cap, message
from tests.build import context, events

START = datetime(2026, 10, 24, 12, tzinfo=UTC)
ZONES = ("Europe/Berlin", "Australia/Lord_Howe", "America/New_York", "UTC", "Asia/Kathmandu")
STEP = timedelta(hours=6)
"""Histories lie on a grid of this, now and then a microsecond beside it, so that window edges are met."""

moments = st.builds(
    lambda steps, ticks: START + steps * STEP + timedelta(microseconds=ticks),
    st.integers(0, 40),
    st.sampled_from((0, 0, 0, 0, 1, -1)),
)
rows = st.lists(
    st.builds(
        lambda at, name, campaign, zone, group: message(
            at, event_id=name, campaign_id=campaign, time_zone=zone, message_class=group
        ),
        moments,
        st.text("ab", min_size=1, max_size=6),
        st.sampled_from(("news", "cart", None)),
        st.sampled_from(ZONES),
        st.sampled_from(("marketing", "marketing", "marketing", "transactional", None)),
    ),
    max_size=25,
    unique_by=lambda row: row["event_id"],
)
caps = st.builds(
    lambda limit, window, per, exempt, scope: cap(limit, window, per=per, exempt_counts=exempt, **scope),
    st.integers(0, 3),
    st.sampled_from(("6h", "12h", "1d", "2d", "1w")),
    st.sampled_from((["customer"], ["campaign"])),
    st.booleans(),
    st.sampled_from(({}, {"campaigns": ["news"]}, {"except_campaigns": ["cart"]})),
)
calendars = st.builds(
    lambda limit, window, zone, start: cap(
        limit, window, window_kind="calendar", time_zone=zone, week_start=start
    ),
    st.integers(0, 3),
    st.sampled_from(("1h", "1d", "1w", "1mo")),
    st.sampled_from(("customer", *ZONES)),
    st.sampled_from(("monday", "sunday", "wednesday")),
)
WINDOWS = {"6h": 6, "12h": 12, "1d": 24, "2d": 48, "1w": 168}


def run(history, *documents):
    frame = events(*history)
    return simulation.simulate(frame, [from_dict(one) for one in documents], context(frame)).decisions


def same_unit(rule, one, other, zone):
    one, other = one.astimezone(zone), other.astimezone(zone)
    if rule["window"] == "1h":
        return (one.replace(minute=0, second=0, microsecond=0).replace(tzinfo=None), one.utcoffset()) == (
            other.replace(minute=0, second=0, microsecond=0).replace(tzinfo=None),
            other.utcoffset(),
        )
    if rule["window"] == "1d":
        return one.date() == other.date()
    if rule["window"] == "1mo":
        return one.strftime("%Y-%m") == other.strftime("%Y-%m")
    names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    first = names.index(rule["week_start"])
    starts = [day.date() - timedelta(days=(day.weekday() - first) % 7) for day in (one, other)]
    return starts[0] == starts[1]


def oracle(history, rules):
    """event_id → (decision, failing rules, counted), quadratic, a sentence of the contract a line."""
    passed, made = [], {}
    for row in sorted(history, key=lambda row: (row["at"], row["event_id"])):
        failing = []
        exempt = row["message_class"] == "transactional"
        for number, rule in enumerate(rules):
            if exempt or not covers(rule, row):
                continue
            counted = []
            for earlier in passed:
                if not covers(rule, earlier):
                    continue
                if not rule.get("exempt_counts") and earlier["message_class"] == "transactional":
                    continue
                if "campaign" in rule["per"] and earlier["campaign_id"] != row["campaign_id"]:
                    continue
                if rule.get("window_kind") == "calendar":
                    zone = row["time_zone"] if rule["time_zone"] == "customer" else rule["time_zone"]
                    near = same_unit(rule, earlier["at"], row["at"], ZoneInfo(zone))
                else:
                    window = timedelta(hours=WINDOWS[rule["window"]])
                    near = row["at"] - window < earlier["at"] <= row["at"]
                if near:
                    counted.append(earlier["event_id"])
            if len(counted) >= rule["limit"]:
                failing.append((f"r{number}", counted))
        if not failing:
            passed.append(row)
        made[row["event_id"]] = (
            "exempt" if exempt else "stop" if failing else "allow",
            [name for name, _ in failing],
            failing[0][1] if failing else [],
        )
    return made


def covers(rule, row):
    if "campaign" in rule["per"] and row["campaign_id"] is None:
        return False
    if rule.get("campaigns") and row["campaign_id"] not in rule["campaigns"]:
        return False
    return row["campaign_id"] not in rule.get("except_campaigns", [])


@settings(max_examples=45, deadline=None)
@given(rows.filter(bool), st.lists(st.one_of(caps, calendars), min_size=1, max_size=3))
def test_caps_decide_as_the_contract_written_down_naively(history, rules):
    rules = [{"per": ["customer"], **rule, "id": f"r{number}"} for number, rule in enumerate(rules)]
    made = {
        row["event_id"]: (row["decision"], row["failing_rules"], row["counted"])
        for row in run(history, *rules).iter_rows(named=True)
    }
    assert made == oracle(history, rules)


@settings(max_examples=35, deadline=None)
@given(
    rows.filter(bool), st.integers(1, 3), st.sampled_from(tuple(WINDOWS)), st.sampled_from(("drop", "defer"))
)
def test_never_more_than_the_limit_goes_out_in_any_half_open_window(history, limit, window, on_fail):
    decisions = run(history, cap(limit, window, on_fail=on_fail)).filter(pl.col("decision") == "allow")
    out = decisions.select(pl.coalesce("deferred_to", "occurred_at"))["deferred_to"].sort().to_list()
    span = timedelta(hours=WINDOWS[window])
    assert all(later - earlier >= span for earlier, later in zip(out, out[limit:], strict=False))


@settings(max_examples=35, deadline=None)
@given(rows.filter(bool), st.lists(st.one_of(caps, calendars), min_size=1, max_size=2))
def test_what_was_let_through_passes_again(history, rules):
    rules = [{**rule, "id": f"r{number}"} for number, rule in enumerate(rules)]
    first = run(history, *rules)
    passed = set(first.filter(pl.col("decision") != "stop")["event_id"])
    kept = [row for row in history if row["event_id"] in passed]
    if kept:
        assert "stop" not in run(kept, *rules)["decision"]


@settings(max_examples=30, deadline=None)
@given(rows.filter(bool), caps)
def test_a_rule_about_nothing_that_was_sent_changes_nothing(history, rule):
    about_nothing = {"id": "other", "kind": "mute", "campaigns": ["never sent"]}
    assert run(history, rule).equals(run(history, about_nothing, rule))


@settings(max_examples=30, deadline=None)
@given(rows.filter(bool), caps, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_of_a_file_does_not_matter(history, rule, dice):
    shuffled = dice.sample(history, len(history))
    frame = in_order(events(*shuffled))
    assert run(history, rule).equals(simulation.simulate(frame, [from_dict(rule)], context(frame)).decisions)


@settings(max_examples=30, deadline=None)
@given(rows.filter(bool), caps)
def test_customers_do_not_touch_each_other(history, rule):
    both = [{**row, "customer_id": name} for name in ("c_1", "c_2") for row in history]
    alone = run(history, rule)
    together = run(both, rule)
    for name in ("c_1", "c_2"):
        assert together.filter(customer_id=name).drop("customer_id").equals(alone.drop("customer_id"))


@settings(max_examples=35, deadline=None)
@given(rows.filter(bool), st.lists(st.one_of(caps, calendars), min_size=1, max_size=2))
def test_the_next_allowed_time_passes_and_the_instant_before_does_not(history, rules):
    rules = [{**rule, "id": f"r{number}"} for number, rule in enumerate(rules)]
    decisions = run(history, *rules)
    passed = set(decisions.filter(pl.col("decision") != "stop")["event_id"])
    for row in decisions.filter(pl.col("decision") == "stop").head(3).iter_rows(named=True):
        before = (row["occurred_at"], row["event_id"])
        kept = [one for one in history if one["event_id"] in passed and (one["at"], one["event_id"]) < before]
        judged = next(one for one in history if one["event_id"] == row["event_id"])

        def decision(moment, kept=kept, judged=judged):
            made = run([*kept, {**judged, "at": moment, "event_id": "~"}], *rules)
            return made.filter(event_id="~")["decision"].item()

        if row["next_allowed_at"] is None:
            assert 0 in {rule["limit"] for rule in rules}
        else:
            assert decision(row["next_allowed_at"]) == "allow"
            assert decision(row["next_allowed_at"] - timedelta(microseconds=1)) == "stop"


instants = st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
zones = st.sampled_from((*ZONES, "America/Sao_Paulo", "America/Havana", "Asia/Beirut", "Pacific/Apia"))


@settings(max_examples=45, deadline=None)
@given(instants, zones, st.sampled_from(("1h", "1d", "1w", "1mo")))
def test_a_calendar_unit_holds_until_its_end(moment, zone, window):
    where = ZoneInfo(zone)
    end = unit_end(moment, window, where, "monday")
    name = unit(moment, window, where, "monday")
    assert unit(end, window, where, "monday") != name
    assert unit(end - timedelta(microseconds=1), window, where, "monday") == name
    assert unit(moment + (end - moment) / 2, window, where, "monday") == name


@settings(max_examples=45, deadline=None)
@given(instants, zones, st.times(), st.times())
def test_quiet_hours_hold_until_their_end(moment, zone, start, end):
    start, end = start.replace(second=0, microsecond=0), end.replace(second=0, microsecond=0)
    if start == end:
        return
    where = ZoneInfo(zone)

    def quiet(at):
        local = at.astimezone(where).time()
        return start <= local < end if start < end else local >= start or local < end

    found = quiet_clock(start, end).loud_from(moment, where)
    assert not quiet(found)
    assert found == moment or quiet(found - timedelta(microseconds=1))
    assert quiet(moment) == (found != moment)
    assert quiet_clock(start, end).loud_from(moment + (found - moment) / 2, where) == found
    assert quiet_hours(f"{start:%H:%M}-{end:%H:%M}") == (start, end)
