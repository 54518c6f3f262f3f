"""Deferral against a naive evaluator that tries every half hour, one after the other."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audit.rules.build import decided, message

START = datetime(2026, 3, 27, tzinfo=UTC)
TICK = timedelta(minutes=30)
HOURS = {"2h": 2, "6h": 6, "1d": 24, "3d": 72}

rows = st.lists(
    st.builds(
        lambda steps, name, campaign: message(
            START + steps * TICK, event_id=name, campaign_id=campaign, time_zone="Europe/Berlin"
        ),
        st.integers(0, 150),
        st.text("ab", min_size=1, max_size=5),
        st.sampled_from(("news", "cart")),
    ),
    min_size=1,
    max_size=12,
    unique_by=lambda row: row["event_id"],
)
clock = st.integers(0, 47).map(lambda half: f"{half // 2:02d}:{half % 2 * 30:02d}")
on_fail = st.sampled_from(("defer", "defer", "defer", "drop"))
scope = st.sampled_from(({}, {"campaigns": ["news"]}))
rules = st.one_of(
    st.builds(
        lambda start, end, fails, about: {
            "kind": "quiet_hours", "quiet": f"{start}-{end}", "on_fail": fails, **about,
        },
        clock, clock, on_fail, scope,
    ).filter(lambda rule: rule["quiet"][:5] != rule["quiet"][6:]),
    st.builds(
        lambda window, fails, about: {"kind": "min_gap", "window": window, "on_fail": fails, **about},
        st.sampled_from(tuple(HOURS)), on_fail, scope,
    ),
    st.builds(
        lambda limit, window, fails, about: {
            "kind": "frequency_cap", "limit": limit, "window": window, "on_fail": fails, **about,
        },
        st.integers(0, 2), st.sampled_from(tuple(HOURS)), on_fail, scope,
    ),
)  # fmt: skip
ORDER = ("min_gap", "frequency_cap", "quiet_hours")


def about(rule, row):
    return row["campaign_id"] in rule.get("campaigns", [row["campaign_id"]])


def fails(rule, row, at, out):
    """What the rule counted if it stops `row` at `at`, `out` having gone out before; else None."""
    if not about(rule, row):
        return None
    if rule["kind"] == "quiet_hours":
        start, end = rule["quiet"].split("-")
        local = at.astimezone(ZoneInfo("Europe/Berlin")).strftime("%H:%M")
        inside = start <= local < end if start < end else local >= start or local < end
        return [] if inside else None
    window = timedelta(hours=HOURS[rule["window"]])
    counted = [other["event_id"] for when, other in out if about(rule, other) and at - window < when <= at]
    return counted if len(counted) >= rule.get("limit", 1) else None


def naive(history, documents):
    """event_id → (decision, when it went out if deferred, failing rules, counted)."""
    waiting = [(row["at"], row["event_id"], row) for row in history]
    documents = sorted(documents, key=lambda rule: ORDER.index(rule["kind"]))
    out, made = [], {}
    while waiting:
        waiting.sort(key=lambda entry: entry[:2])
        at, name, row = waiting.pop(0)
        failing = [rule for rule in documents if fails(rule, row, at, out) is not None]
        if not failing:
            out.append((at, row))
            made[name] = ("allow", at if at != row["at"] else None, [], [])
            continue
        again = None
        if all(rule["on_fail"] == "defer" for rule in failing):
            later = at
            while again is None and later <= row["at"] + timedelta(days=7):
                if all(fails(rule, row, later, out) is None for rule in failing):
                    again = later
                later += TICK
        if again is not None:
            waiting.append((again, name, row))
        else:
            made[name] = ("stop", None, [rule["id"] for rule in failing], fails(failing[0], row, at, out))
    return made


@settings(max_examples=45, deadline=None)
@given(rows, st.lists(rules, min_size=1, max_size=3))
def test_deferred_messages_collide_and_are_judged_anew_as_in_the_naive_evaluator(history, documents):
    documents = [{**rule, "id": f"r{number}"} for number, rule in enumerate(documents)]
    made = {
        name: (row["decision"], row["deferred_to"], row["failing_rules"], row["counted"])
        for name, row in decided(history, *documents).items()
    }
    assert made == naive(history, documents)
