"""The kernel decides as the reference does: every column of every decision, and the totals."""

import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from audit.errors import InputError
from audit.events.schema import SCHEMA, conform
from audit.events.vocabulary import OPT_INS, OPT_OUTS
from audit.rules import kernel
from audit.rules.kernel import dictionary_encoding, totals
from audit.rules.model import from_dict, kinds
from audit.rules.reference import histories as prepare
from audit.rules.replay import fleet, simulation
from audit.rules.scopes import RuleSet
from tests.audit.rules.build import act, cap, causes, message, replayed
from tests.audit.rules.test_properties import calendars, caps, moments, rows
from tests.audit.rules.test_totals_oracle import histories, sets
from tests.bench import differential
from tests.build import context, events

DEFERRED = {"id": "night", "kind": "quiet_hours", "quiet": "21:00-08:00"}


@pytest.mark.parametrize("seed", range(4))
def test_both_evaluators_agree_on_fifty_thousand_hard_decisions(seed):
    done = 0
    for number in range(45):
        decisions, found = differential.differences(*differential.case(10_000 + 1000 * seed + number, 20))
        assert found == [], f"seed {10_000 + 1000 * seed + number}"
        done += decisions
    assert done >= 12_500


def test_the_hard_decisions_hold_what_they_are_meant_to():
    made = []
    for seed in range(10_000, 10_060):
        frame, rules, why = differential.case(seed, 20)
        kind_of = {rule.id: rule.kind for rule in rules}
        decisions = replayed_by_kernel(frame, rules, why)
        decided_by = pl.col("deciding_rule").replace_strict(kind_of, default=None, return_dtype=pl.String)
        made.append(decisions.with_columns(decided_by.alias("kind"), seed=pl.lit(seed)))
    decisions = pl.concat(made)
    assert set(decisions["kind"].drop_nulls()) == set(kinds())
    put_off = decisions.filter(pl.col("deferred_to").is_not_null())
    assert put_off.height > put_off.select("seed", "customer_id", "deferred_to").n_unique()
    assert set(decisions["decision"]) == {"allow", "stop", "exempt"}
    assert decisions.filter(pl.col("cannot_tell").list.len() > 0).height > 0
    assert decisions.filter(pl.col("failing_rules").list.len() > 2).height > 0
    assert decisions.filter(pl.col("counted").list.len() > 30).height > 0


topics = st.sampled_from((None, [], ["baby"], ["baby", "health"]))
senders = st.sampled_from((None, None, "A", "B"))
sayings = st.builds(
    lambda kind, at, name, channel, sender, about, key, machine: act(
        kind, at, event_id=name, channel=channel, sender=sender, topics=about, message_id=key, machine=machine
    ),
    st.sampled_from((*OPT_OUTS, *OPT_INS, "message_clicked", "message_opened", "order_completed")),
    moments,
    st.text("ab", min_size=1, max_size=6),
    st.sampled_from((None, None, "email", "push")),
    senders,
    topics,
    st.sampled_from(("m0", "m1", None)),
    st.sampled_from((None, None, False, True)),
)
mails = st.builds(
    lambda at, name, sender, about, key: message(
        at, event_id=name, sender=sender, topics=about, message_id=key
    ),
    moments,
    st.text("ab", min_size=1, max_size=6),
    senders,
    topics,
    st.sampled_from(("m0", "m1", "m2", None)),
)
lives = st.lists(
    st.one_of(mails, mails, sayings), min_size=2, max_size=25, unique_by=lambda row: row["event_id"]
)
names = st.lists(st.text("ab", min_size=1, max_size=2), min_size=1, max_size=3)
told = st.dictionaries(
    st.text("ab", min_size=1, max_size=2),
    st.tuples(names, st.sampled_from(([], ["baby"], ["health", "baby"]))),
)
asking = st.one_of(
    st.builds(
        lambda grace, only: {"kind": "consent", "grace": grace, "senders": only},
        st.sampled_from(("0d", "6h", "12h", "1d")),
        st.sampled_from(([], ["A"])),
    ),
    st.builds(
        lambda streak, by: {"kind": "sunset", "unengaged": streak, "engagement": by},
        st.integers(1, 4),
        st.sampled_from(("click", "open")),
    ),
    st.just({"kind": "sensitive"}),
    st.builds(lambda some: {"kind": "exclude_event", "events": some}, names),
)


@settings(max_examples=45, deadline=None)
@given(lives, st.lists(st.one_of(asking, asking, caps), min_size=1, max_size=4), st.none() | told)
def test_both_evaluators_agree_on_what_people_said_and_did(life, documents, why):
    rules = [from_dict({**rule, "id": f"r{number}"}) for number, rule in enumerate(documents)]
    _, found = differential.differences(events(*life), rules, None if why is None else causes(**why))
    assert found == []


deferring = st.one_of(caps, calendars).map(lambda rule: {**rule, "on_fail": "defer"})
nights = st.sampled_from((DEFERRED, {**DEFERRED, "quiet": "00:30-23:30"}, {**DEFERRED, "time_zone": "UTC"}))


@settings(max_examples=35, deadline=None)
@given(rows.filter(bool), st.lists(st.one_of(caps, calendars, deferring, nights), min_size=1, max_size=4))
def test_both_evaluators_agree_on_any_history(history, documents):
    rules = [from_dict({**rule, "id": f"r{number}"}) for number, rule in enumerate(documents)]
    _, found = differential.differences(events(*history), rules)
    assert found == []


def test_more_than_a_hundred_messages_in_a_window_are_all_counted():
    start = datetime(2026, 3, 1, tzinfo=UTC)
    frame = events(*(message(start + timedelta(minutes=number)) for number in range(130)))
    last = replayed_by_kernel(frame, [from_dict(cap(120, "7d"))])[-1]
    assert last["counted"].list.len().item() == 120
    assert differential.differences(frame, [from_dict(cap(120, "7d"))])[1] == []


def test_quiet_hours_that_begin_in_the_repeated_hour_end_where_it_begins_again():
    frame = events(message("2026-10-25T00:45", time_zone="Europe/Berlin"))
    rule = from_dict({**DEFERRED, "quiet": "02:30-08:00"})
    for compiled in (False, True):
        made = simulation.decide(
            prepare.sent(frame), frame, RuleSet([rule]), context(frame).facts, compiled=compiled
        )
        assert made["deferred_to"].item() == datetime(2026, 10, 25, 1, tzinfo=UTC)


def test_rules_that_leave_no_gap_for_years_are_left_to_the_reference():
    rules = [
        from_dict({**DEFERRED, "id": "a", "quiet": "21:00-09:00", "valid_until": "2031-01-01T00:00:00Z"}),
        from_dict({**DEFERRED, "id": "b", "quiet": "09:00-21:00"}),
    ]
    frame = events(message("2026-01-05T23:00", time_zone="Europe/Berlin"))
    assert differential.differences(frame, rules)[1] == []
    assert replayed_by_kernel(frame, rules)["next_allowed_at"].item() == datetime(2031, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("year", [1, 9999])
def test_times_at_the_ends_of_the_calendar_are_decided(year):
    frame = events(
        message(datetime(year, 1, 1, 23, tzinfo=UTC), time_zone="Europe/Berlin"),
        message(datetime(year, 12, 31, 23, tzinfo=UTC), time_zone="Asia/Tokyo"),
    )
    rules = [from_dict(cap(1, "1d", window_kind="calendar")), from_dict(DEFERRED)]
    assert differential.differences(frame, rules)[1] == []


@pytest.mark.parametrize("count", [kernel.MOST_RULES, kernel.MOST_RULES + 1])
def test_sets_of_more_rules_than_it_can_hold_are_not_for_the_kernel(count):
    rules = RuleSet([from_dict({"id": f"r{number}", "kind": "mute"}) for number in range(count)])
    assert kernel.knows(rules) == (count <= kernel.MOST_RULES)
    if kernel.knows(rules):
        frame = events(message("2026-01-05T23:00"))
        assert differential.differences(frame, list(rules.rules))[1] == []


def test_a_set_with_a_kind_it_does_not_know_goes_to_the_reference(monkeypatch):
    monkeypatch.setattr(kernel, "KINDS", ("frequency_cap",))
    monkeypatch.setattr(kernel, "MIN_MESSAGES", 1)
    monkeypatch.setattr(simulation, "_by_kernel", None)
    rows = [message("2026-01-05T10:00"), message("2026-01-05T11:00")]
    assert replayed(rows, {"id": "gap", "kind": "min_gap", "window": "1d"}).totals().sums.by_rule == {
        "gap": 1
    }


def test_rules_as_they_stood_at_each_moment_are_not_for_the_kernel():
    rule = from_dict(cap(1, "7d"))
    assert kernel.knows(RuleSet([rule]))
    assert not kernel.knows(RuleSet([rule], classes_at=lambda _: {"marketing"}))
    assert not kernel.knows(RuleSet([rule, from_dict(cap(2, "7d"))]))


def test_it_knows_every_kind_there_is():
    assert set(kernel.KINDS) == set(kinds())


def test_a_small_replay_never_loads_it():
    code = """
import sys
from tests.audit.rules.build import act, cap, causes, message, replayed
replayed([message("2026-01-05T10:00")], cap(1, "7d")).document().to_json()
assert not {"numba", "llvmlite"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_large_replays_go_through_it_and_say_the_same(monkeypatch):
    frame, rules, why = next(
        one for one in (differential.case(seed, 30) for seed in range(77, 99)) if one[2] is not None
    )
    expected = simulation.simulate(frame, rules, context(frame), causes=why)
    seen = []
    monkeypatch.setattr(kernel, "MIN_MESSAGES", 1)
    made = simulation.simulate(
        frame, rules, context(frame), causes=why, progress=lambda done, total: seen.append((done, total))
    )
    assert made.decisions.equals(expected.decisions)
    assert made.document().to_json() == expected.document().to_json()
    assert seen[-1] == (made.decisions.height, made.decisions.height)


def test_progress_can_stop_it():
    frame, rules, _ = differential.case(77, 3)

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulation.decide(
            prepare.sent(frame), frame, RuleSet(rules), context(frame).facts, stop, compiled=True
        )


def replayed_by_kernel(frame, rules, why=None):
    facts = differential.count_facts(frame.lazy())
    return simulation.decide(prepare.sent(frame), frame, RuleSet(rules), facts, causes=why, compiled=True)


# -- totals of a fleet ------------------------------------------------------------------------------------------


def engaged(seed):
    """A hard history with opens, clicks, complaints and providers."""
    frame, rules, _ = differential.case(seed, 40)
    rules = [rule for rule in rules if not rule.reads_causes]
    sent = frame.filter(pl.col("message_id").is_not_null() & (pl.col("kind") == "message_sent"))
    acts = [
        sent.filter(pl.int_range(pl.len()) % every == 0).with_columns(
            kind=pl.lit(kind),
            event_id=pl.concat_str("event_id", pl.lit(kind)),
            occurred_at=pl.col("occurred_at") + pl.duration(minutes=every),
        )
        for kind, every in (("message_opened", 2), ("message_clicked", 3), ("message_complained", 41))
    ]
    provider = pl.concat_str(pl.lit("p"), pl.col("event_id").hash() % 3)
    frame = pl.concat([frame, *acts]).with_columns(mailbox_provider=provider)
    return frame.sort("customer_id", "occurred_at", "event_id"), rules


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("rows_at_once", [1, 300, 100_000])
@pytest.mark.parametrize("seed", [1, 2, 8, 9])
def test_a_fleet_in_parts_adds_up_to_what_the_whole_replay_tells(monkeypatch, fast, rows_at_once, seed):
    frame, rules = engaged(seed)
    expected = simulation.simulate(frame, rules, context(frame)).document().to_json()
    monkeypatch.setattr(kernel, "MIN_MESSAGES", 1)
    monkeypatch.setattr(kernel, "installed", lambda: fast)
    made = fleet.simulate(frame.lazy(), rules, context(frame), rows=rows_at_once).document().to_json()
    assert made == expected


def test_a_fleet_of_nothing_is_all_zero():
    frame = events({"kind": "product_viewed", "at": "2026-01-01T10:00"}).clear()
    made = fleet.simulate(frame.lazy(), [from_dict(DEFERRED)], context(frame)).document().to_json()
    assert (made["messages"], made["customers"], made["displaced"]) == (0, 0, [])


@pytest.mark.parametrize("rows_at_once", [1, 2, 50])
def test_no_customer_is_cut(rows_at_once):
    frame, _, _ = differential.case(3, 12)
    parts = list(fleet.whole_customers(frame.lazy(), rows_at_once))
    assert pl.concat(parts).equals(frame)
    names = [set(part["customer_id"]) for part in parts]
    assert sum(map(len, names)) == len(set.union(*names))


def test_progress_of_a_fleet_is_told_and_can_stop_it():
    frame, rules, _ = differential.case(5, 12)
    rules = [rule for rule in rules if not rule.reads_causes]
    seen = []

    def stop_after_two(done, total):
        seen.append((done, total))
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fleet.simulate(frame.lazy(), rules, context(frame), progress=stop_after_two, rows=10)
    assert seen[1][0] > seen[0][0]
    assert seen[0][1] == frame.height


@settings(max_examples=45, deadline=None)
@given(histories, sets)
def test_compiled_totals_are_those_of_the_frames(history, documents):
    frame = conform(
        events(*({"machine": None, "message_id": None, "mailbox_provider": None, **row} for row in history))
    )
    rules = RuleSet([from_dict(one) for one in documents])
    ctx = context(frame)
    slow, fast = fleet.by_reference(frame, [rules], ctx)[0], totals.fleet(frame, [rules], ctx.facts)[0]
    for expected, made in ((slow.cells, fast.cells), (slow.sums.displaced, fast.sums.displaced)):
        columns = expected.columns
        assert_frame_equal(expected.sort(columns), made.select(columns).sort(columns), check_dtypes=False)
    assert {rule.id: slow.sums.by_rule.get(rule.id, 0) for rule in rules.rules} == fast.sums.by_rule
    assert (slow.sums.affected, slow.customers) == (fast.sums.affected, fast.customers)
    assert slow.decisions is fast.decisions is None


def test_an_id_that_reads_like_the_key_of_a_message_without_one_is_its_id(monkeypatch):
    frame = conform(
        events(
            message("2026-01-05T10:00", event_id="a"),
            message("2026-01-05T11:00", event_id="b", message_id="event:a"),
            message("2026-01-05T12:00", event_id="c", message_id="m"),
            act("message_clicked", "2026-01-05T13:00", event_id="d", message_id="m"),
        )
    )
    rules = [from_dict({"id": "m", "kind": "mute"})]
    expected = simulation.simulate(frame, rules, context(frame)).document().to_json()
    monkeypatch.setattr(kernel, "MIN_MESSAGES", 1)
    made = fleet.simulate(frame.lazy(), rules, context(frame)).document().to_json()
    assert made == expected
    assert (made["messages"], made["stopped_wanted"]["responded"]) == (2, 1)


def test_more_different_texts_than_its_table_begins_with_have_each_their_number():
    texts = pl.Series([None if number % 7 == 0 else f"t{number % 5000}" for number in range(20_000)])
    coded = dictionary_encoding.EncodedTexts(texts)
    assert [None if code < 0 else coded.values[code] for code in coded.codes] == texts.to_list()


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("rows_at_once", [1, 150, 100_000])
@pytest.mark.parametrize("seed", [1, 5, 8])
def test_decisions_written_in_parts_are_those_of_the_whole_replay(
    monkeypatch, tmp_path, fast, rows_at_once, seed
):
    frame, rules, why = differential.case(seed, 12)
    why = differential.causes(random.Random(seed), frame) if why is None else why
    expected = simulation.simulate(frame, rules, context(frame), causes=why)
    monkeypatch.setattr(kernel, "MIN_MESSAGES", 1)
    monkeypatch.setattr(kernel, "installed", lambda: fast)

    def causes(some):
        assert some.columns == list(SCHEMA)
        return why.filter(pl.col("customer_id").is_in(some["customer_id"].unique().implode()))

    out = tmp_path / "decisions.parquet"
    made = fleet.simulate(
        frame.lazy(), rules, context(frame), causes=causes, decisions=out, rows=rows_at_once
    )
    assert pl.read_parquet(out).equals(expected.decisions)
    assert made.document().to_json() == expected.document().to_json()
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_what_is_stopped_half_way_leaves_the_file_that_was_there(tmp_path, error):
    frame, rules, _ = differential.case(3, 12)
    rules = [rule for rule in rules if not rule.reads_causes]
    out = tmp_path / "decisions.parquet"
    out.write_text("before")

    def stop(done, total):
        if done > total / 2:
            raise error

    with pytest.raises(error):
        fleet.simulate(frame.lazy(), rules, context(frame), decisions=out, progress=stop, rows=10)
    assert out.read_text() == "before"
    assert list(tmp_path.iterdir()) == [out]


def test_a_fleet_s_rules_that_read_causes_are_refused_without_them():
    frame, _, _ = differential.case(3, 2)
    with pytest.raises(InputError, match="causes"):
        fleet.simulate(frame.lazy(), [from_dict({"id": "s", "kind": "sensitive"})], context(frame))
