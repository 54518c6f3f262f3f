"""Who got a campaign and what sets them apart, against the definition in plain Python."""

import json
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil, comb
from random import Random
from statistics import median

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.population import audience, audience_comparison, candidate_acts, proportions
from tests.build import events

START = datetime(2026, 1, 1, tzinfo=UTC)
WINDOWS = audience.WINDOWS


# -- the definition, read aloud ------------------------------------------------------------------------------------


def chance_of(a, among, b, others):
    """That by luck alone at least `a` of the `a + b` people with it are among the recipients."""
    if a * others <= b * among:
        return Fraction(1)
    ways = (comb(among, k) * comb(others, a + b - k) for k in range(a, min(among, a + b) + 1))
    return Fraction(sum(ways), comb(among + others, a + b))


def holm_of(chances):
    """Each chance times how many are left to be tested, none below one before it."""
    worst, adjusted = Fraction(0), {}
    for rank, test in enumerate(sorted(chances, key=chances.get)):
        worst = max(worst, min(Fraction(1), chances[test] * (len(chances) - rank)))
        adjusted[test] = worst
    return adjusted


class Definition:
    """Plain Python over the rows of a small frame."""

    def __init__(self, frame, least):
        self.rows, self.least = frame.sort("occurred_at", "event_id").to_dicts(), least
        self.people = sorted({row["customer_id"] for row in self.rows})
        split = [row["category"].split(" > ") for row in self.rows if row["category"]]
        self.departments = {levels[0] for levels in split if len(levels) > 1}

    def moments(self, campaign):
        """Person → the moment for the comparison; and the recipients."""
        first = {}
        for row in self.rows:
            if row["kind"] == "message_sent" and row["campaign_id"] == campaign:
                first.setdefault(row["customer_id"], row["occurred_at"])
        sends = sorted(first.values())
        countries = {self.country(person) for person in first} - {None}
        moments = dict(first)
        others = [p for p in self.people if p not in first]
        others = [p for p in others if not countries or self.country(p) in {*countries, None}]
        for place, person in enumerate(others):
            at = sends[place % len(sends)]
            events_before = [row for row in self.own(person) if row["occurred_at"] < at]
            said = [row["kind"] for row in events_before if row["kind"] in ("unsubscribed", "subscribed")]
            if events_before and not (said and said[-1] == "unsubscribed"):
                moments[person] = at
        return moments, set(first)

    def own(self, person):
        return [row for row in self.rows if row["customer_id"] == person]

    def country(self, person):
        known = [row["country"] for row in self.own(person) if row["country"]]
        return known[-1] if known else None

    def held(self, person, at):
        """What the person had done, or was, at `at`: (what, path, depth, window) → since when."""
        found = {}
        for row in self.own(person):
            if not row["occurred_at"] < at:
                continue
            if row["kind"] in candidate_acts.ACTS:
                if self.was_cancelled(row, at):
                    continue
                what = candidate_acts.ACTS[row["kind"]]
                for path, depth in self.candidates(row):
                    for number, window in enumerate(WINDOWS):
                        if row["occurred_at"] >= at - window:
                            found[what, path, depth, number] = row["occurred_at"]
            elif row["kind"] in ("segment_entered", "segment_left"):
                state = ("segment", row["segment_id"], 0, len(WINDOWS) - 1)
                found.pop(state, None)
                if row["kind"] == "segment_entered":
                    found[state] = row["occurred_at"]
            elif row["kind"] == "profile_updated":
                ((name, value),) = json.loads(row["attributes"]).items()
                for state in [key for key in found if key[0] == "profile" and key[1].startswith(f"{name}:")]:
                    del found[state]
                found["profile", f"{name}: {value}", 0, len(WINDOWS) - 1] = row["occurred_at"]
        return found

    def was_cancelled(self, order, at):
        return order["order_id"] is not None and any(
            row["kind"] == "order_cancelled"
            and row["order_id"] == order["order_id"]
            and order["occurred_at"] < row["occurred_at"] < at
            for row in self.own(order["customer_id"])
        )

    def breadth(self, person, at, what, number):
        """How many different things the person had done that with within the window before `at`."""
        return len({
            row["category"] for row in self.own(person)
            if candidate_acts.ACTS.get(row["kind"]) == what and at - WINDOWS[number] <= row["occurred_at"] < at
            and not self.was_cancelled(row, at)
        })  # fmt: skip

    def days(self, what, number):
        """How long the window is, and no longer than from the first such act to the campaign's last message."""
        acts = [r["occurred_at"] for r in self.rows if candidate_acts.ACTS.get(r["kind"]) == what]
        sends = [r["occurred_at"] for r in self.rows if r["campaign_id"] == self.campaign]
        return min(WINDOWS[number] / timedelta(days=1), ceil((max(sends) - min(acts)) / timedelta(days=1)))

    def at_equal_breadth(self, test, holders, people, moments, got):
        """Of what, in how many days, half of the recipients' and of the others' number, the others' share, whether it holds."""
        done = [
            what
            for kind, what in candidate_acts.ACTS.items()
            if any(row["kind"] == kind for row in self.rows)
        ]
        if test[0] in ("segment", "list") or not done:
            return (None,) * 6
        what = test[0] if test[0] in done else done[0]
        of = {person: self.breadth(person, at, what, test[3]) for person, at in moments.items()}
        kinds, others_kinds = half_of([of[p] for p in got]), half_of([of[p] for p in of if p not in got])
        ordered = sorted(of[p] for p in got)
        cuts = [ordered[part * len(ordered) // 5] for part in range(1, 5)]
        share, parts = Fraction(0), []
        for stratum in range(5):
            those = {p for p in people if sum(cut <= of[p] for cut in cuts) == stratum}
            a, b = len(those & got & holders), len((those - got) & holders)
            n, m = len(those & got), len(those - got)
            share += Fraction(n, len(people & got)) * (Fraction(b, m) if m else Fraction(a, max(n, 1)))
            parts += [(a, n, b, m)] if m else []
        a, n = sum(part[0] for part in parts), sum(part[1] for part in parts)
        many = int(1 / sum(Fraction(part[1], n) ** 2 / part[3] for part in parts)) if n else 0
        days = self.days(what, test[3])
        if many < self.least:
            return what, days, kinds, others_kinds, None, None
        alike = sum(Fraction(part[1], n) * Fraction(part[2], part[3]) for part in parts)
        times, of_others = audience_comparison.LEAST_TIMES
        far = Fraction(len(people & got & holders), len(people & got)) >= Fraction(times, of_others) * share
        by_chance = chance_of(a, n, ceil(alike * many), many) > Fraction(audience_comparison.LEVEL)
        unsure = by_chance if far else kinds <= others_kinds
        return what, days, kinds, others_kinds, float(share), None if unsure else far

    def candidates(self, row):
        levels = row["category"].split(" > ")
        for depth in range(1, len(levels) + 1):
            path = " > ".join(levels[:depth])
            if path not in self.departments:
                yield path, depth
        yield f"{row['category']} > {row['item_id']}", 0

    def apart(self, campaign):
        self.campaign = campaign
        moments, got = self.moments(campaign)
        held = {person: self.held(person, at) for person, at in moments.items()}
        tests = {test for person in held for test in held[person]}
        holders = {test: {person for person in held if test in held[person]} for test in tests}
        holders = {test: who for test, who in holders.items() if len(who) >= self.least}
        among, others = len(got), len(moments) - len(got)

        def those_asked(test, people):
            """Of a value of the profile those who have the field."""
            if test[0] != "profile":
                return people
            field = test[1].partition(":")[0]
            return people & {
                p for p in held if any(h[0] == "profile" and h[1].startswith(f"{field}:") for h in held[p])
            }

        def shares(test, people):
            people = those_asked(test, people)
            who, inside = holders[test] & people, got & people
            return len(who & got), len(inside), len(who - got), len(people - got)

        def chance(test, people):
            return chance_of(*shares(test, people))

        def is_far(a, inside, b, outside):
            times, of = audience_comparison.LEAST_TIMES
            return Fraction(a, inside) >= Fraction(times, of) * Fraction(b, outside)

        enough = {test for test in holders if len(holders[test] & got) >= self.least}
        chances = {test: chance(test, set(moments)) if test in enough else Fraction(1) for test in holders}
        adjusted = holm_of(chances)
        level = Fraction(audience_comparison.LEVEL)
        apart = [
            t for t in holders if adjusted[t] <= level and t in enough and is_far(*shares(t, set(moments)))
        ]
        apart = [t for t in apart if self.parent(t, holders) is None
                 or chance(t, holders[self.parent(t, holders)]) * len(holders) <= level]  # fmt: skip
        kinds = [*candidate_acts.ACTS.values(), "segment", "profile", "list"]
        apart.sort(key=lambda t: (chances[t], -t[2], t[3], kinds.index(t[0]), t[2] == 0, t[1]))
        kept, left = [], set(moments)
        for test in apart:
            if any(nested(test, other) for other in kept):
                continue
            if kept and chance(test, left) * len(apart) > level:
                continue
            kept.append(test)
            left -= holders[test]
        return [
            (test[0], test[1], is_item(test), len(holders[test] & got), len(holders[test] - got),
             median((moments[p] - held[p][test]) / timedelta(days=1) for p in holders[test] & got),
             float(adjusted[test]), self.at_equal_breadth(test, holders[test], those_asked(test, set(moments)), moments, got),
             self.days(test[0], test[3]) if test[0] in candidate_acts.ACTS.values() else None)
            for test in kept
        ], among, others  # fmt: skip

    def parent(self, test, holders):
        what, path, _, window = test
        above = path.rpartition(" > ")[0]
        found = [other for other in holders if other[0] == what and other[1] == above and other[3] == window]
        return found[0] if found and what in candidate_acts.ACTS.values() else None


def half_of(numbers):
    """The highest number that at least half of these have or exceed."""
    return max((n for n in numbers if 2 * sum(m >= n for m in numbers) >= len(numbers)), default=0)


def is_item(test):
    return test[2] == 0 and test[0] in candidate_acts.ACTS.values()


def nested(one, other):
    first, second = f"{one[1]} > ", f"{other[1]} > "
    return one[0] == other[0] and (first.startswith(second) or second.startswith(first))


# -- random populations --------------------------------------------------------------------------------------------

CATEGORIES = ("Baby > Food > Jars", "Baby > Food > Milk", "Baby > Care", "Pets > Cats", "Toys")


def population(seed):
    """A population in which what people do, and who gets what, go together more or less."""
    random = Random(seed)
    rows = []
    for number in range(random.choice((20, 36))):
        person, leaning = f"c_{number:02}", random.random() < 0.5
        told = {"customer_id": person}

        def add(kind, day, told=told, **more):
            at = START + timedelta(days=day, hours=random.randrange(3))
            rows.append({**told, "kind": kind, "at": at, **more})

        if random.random() < 0.2:
            told["country"] = random.choice(("DE", "FR"))
        acts = random.randrange(1, 9)
        for _ in range(acts):
            of = range(5) if acts > 5 else range(3) if leaning else range(3, 5)
            category = CATEGORIES[random.choice(of)]
            kind = random.choice(("order_completed", "order_completed", "product_viewed"))
            day, order_id = random.randrange(200), f"o{len(rows)}" if kind == "order_completed" else None
            item_id = f"{CATEGORIES.index(category)}-{random.randrange(2)}"
            add(kind, day, category=category, item_id=item_id, order_id=order_id)
            if order_id and random.random() < 0.3:
                add("order_cancelled", day + random.randrange(1, 60), order_id=order_id)
        if leaning and random.random() < 0.8:
            add("segment_entered", random.randrange(200), segment_id="s")
        if random.random() < 0.2:
            add("segment_left", random.randrange(200), segment_id="s")
        if random.random() < 0.3:
            add("profile_updated", random.randrange(200), attributes=json.dumps({"kids": int(leaning)}))
        if random.random() < 0.2:
            add(random.choice(("subscribed", "unsubscribed")), random.randrange(200), channel="email")
        if leaning or random.random() < 0.1:
            for _ in range(random.choice((1, 1, 2))):
                add("message_sent", random.choice((150, 190)), campaign_id="aimed", channel="email")
        if random.random() < 0.5:
            add("message_sent", 180, campaign_id="lot", channel="email")
        if random.random() < (0.9 if acts > 5 else 0.2):
            add("message_sent", 190, campaign_id="broad", channel="email")
    return events(*rows)


@pytest.fixture
def easily(monkeypatch):
    """Few people tell much, so that small populations have several things that set recipients apart; no chance of so few
    people is exactly the level, where the last digit would decide."""
    monkeypatch.setattr(audience_comparison, "LEVEL", 0.4003)


@given(st.integers(0, 10**6), st.sampled_from((1, 3)))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_fast_comparison_is_the_definition(easily, seed, least):
    frame = population(seed)
    found = audience_comparison.count(frame.lazy(), least=least)
    for row in found.campaigns.iter_rows(named=True):
        expected, among, others = Definition(frame, least).apart(row["campaign"])
        assert (row["recipients"], row["others"]) == (among, others)
        rows = found.apart.filter(campaign=row["campaign"])
        told = [
            (row["what"], row["item_id"] or row["value"], row["recipients"], row["others"])
            for row in rows.iter_rows(named=True)
        ]
        by_definition = [
            (what, path.rpartition(" > ")[2] if item else path, a, b)
            for what, path, item, a, b, *_ in expected
        ]
        assert told == by_definition
        assert rows["median_days_before"].to_list() == pytest.approx([each[5] for each in expected])
        assert rows["p_adjusted"].to_list() == pytest.approx([each[6] for each in expected])
        assert rows["window_days"].to_list() == [each[8] for each in expected]
        at_breadth = rows.select(
            "breadth_of", "breadth_days", "kinds", "others_kinds", "others_alike", "holds"
        ).rows()
        for row_told, each in zip(at_breadth, expected, strict=True):
            assert row_told == pytest.approx(each[7])


def test_slices_of_the_people_give_what_all_at_once_give(easily, monkeypatch):
    frame = population(11)
    at_once = audience_comparison.count(frame.lazy(), least=1)
    assert at_once.apart.height
    monkeypatch.setattr(candidate_acts, "_ROWS", 30)
    sliced = audience_comparison.count(frame.lazy(), least=1)
    assert sliced.apart.equals(at_once.apart)
    assert sliced.campaigns.equals(at_once.campaigns)


# -- single right values -------------------------------------------------------------------------------------------


def bought(person, category, day=0, **more):
    at = START + timedelta(days=day)
    return {"customer_id": person, "kind": "order_completed", "category": category, "at": at, **more}


def mailed(person, campaign="m", day=30):
    at = START + timedelta(days=day)
    return {
        "customer_id": person,
        "kind": "message_sent",
        "campaign_id": campaign,
        "at": at,
        "channel": "email",
    }


def aimed_at_parents(number=20):
    """`number` people of `2 * number` bought baby food, and got the mail."""
    parents, others = ([f"{letter}{n:02}" for n in range(number)] for letter in "pq")
    rows = [bought(p, "Baby > Food > Jars") for p in parents]
    rows += [bought(p, "Garden > Tools") for p in others]
    return [*rows, *(mailed(p) for p in parents)]


def test_what_was_cancelled_before_the_mail_sets_nobody_apart():
    rows = aimed_at_parents()
    for number, row in enumerate(rows):
        row["order_id"] = str(number)
    undone = [{**row, "kind": "order_cancelled", "at": row["at"] + timedelta(days=3)} for row in rows[:20]]
    assert audience_comparison.count(events(*rows).lazy()).sets_apart("m", audience.FEWEST)
    assert not audience_comparison.count(events(*rows, *undone).lazy()).sets_apart("m", audience.FEWEST)


def test_what_a_campaign_was_aimed_at_is_named_once():
    found = audience_comparison.count(events(*aimed_at_parents()).lazy())
    (told,) = found.sets_apart("m", audience.FEWEST)
    assert (told.what, told.value, told.recipients_share, told.others_share) == (
        "bought",
        "Baby > Food",
        1.0,
        0.0,
    )
    assert found.campaigns["explains"].to_list() == [1.0]


def shoppers():
    """Four in five of the broad get the mail, and one in five of the others; all who are broad buy eggs. Some of those who got
    it have cats."""
    rows = []
    for n in range(200):
        person, breadth, got = f"c{n:03}", 10 * (n % 2) + 2 + n % 7, (n % 2) ^ (n % 10 < 2)
        rows += [bought(person, "Dairy > Eggs" if kind == 9 else f"Food > {kind}") for kind in range(breadth)]
        rows += [bought(person, "Pets > Cats")] * (n % 3 == 0 and got) + [mailed(person)] * got
    return rows


def test_what_all_buy_who_buy_as_many_things_is_told_as_such():
    """Those who are broad buy 12 to 19 kinds of things, the others 2 to 8."""
    found = audience_comparison.count(events(*shoppers()).lazy())
    told = {fact.value: fact for fact in found.sets_apart("m", 1)}
    eggs, cats = (told[value].at_equal_breadth for value in ("Dairy > Eggs", "Pets > Cats"))
    for told_of, share, holds in ((eggs, 0.8, False), (cats, 0.0, True)):
        assert (told_of.act, told_of.window, told_of.kinds, told_of.others_kinds) == ("bought", "30d", 15, 6)
        assert (told_of.others_share, told_of.holds) == (share, holds)
    assert [fact.is_breadth for fact in told.values()] == [True, False]
    assert found.telling(1)["value"].to_list() == ["Pets > Cats"]


def test_a_window_is_no_longer_than_its_acts_are_known():
    rows = [bought(f"b{n}", "Baby > Food", day=20) for n in range(40)]
    rows += [bought(f"o{n}", "Garden > Pots", day=13) for n in range(60)]
    rows += [mailed(f"b{n}", day=40) for n in range(40)]
    told = audience_comparison.count(events(*rows).lazy()).sets_apart("m", 1)
    assert [(fact.value, fact.window, fact.at_equal_breadth.window) for fact in told] == [
        ("Baby > Food", "27d", "27d")
    ]


def test_a_broadcast_has_nothing_that_sets_it_apart():
    everybody = [bought(f"c{n:02}", "Baby > Food > Jars" if n % 2 else "Garden > Tools") for n in range(40)]
    rows = [*everybody, *(mailed(f"c{n:02}") for n in range(0, 40, 3))]
    assert audience_comparison.count(events(*rows).lazy()).apart.is_empty()


def test_a_department_is_no_cause():
    rows = [bought(f"p{n:02}", f"Baby > Aisle {n}") for n in range(20)]
    rows += [bought(f"q{n:02}", "Garden > Tools") for n in range(20)]
    rows += [mailed(f"p{n:02}") for n in range(20)]
    assert audience_comparison.count(events(*rows).lazy()).apart.is_empty()


def test_shares_of_fewer_than_eleven_people_are_not_told():
    rows = [*aimed_at_parents(), *(bought(f"q{n:02}", "Baby > Food > Jars") for n in range(3))]
    found = audience_comparison.count(events(*rows).lazy())
    (told,) = found.sets_apart("m", audience.FEWEST)
    assert (told.others, told.others_share, told.lift, told.interval, told.p_adjusted) == (None,) * 5
    (known,) = found.sets_apart("m", 1)
    assert (known.others, known.others_share) == (3, 0.15)
    few = audience_comparison.count(events(*aimed_at_parents(10)).lazy())
    assert few.apart.is_empty()
    assert audience_comparison.count(events(*aimed_at_parents(10)).lazy(), least=1).apart.height == 1


def test_those_who_could_not_have_got_it_are_no_others():
    rows = aimed_at_parents()
    rows += [{**bought(f"r{n:02}", "Toys"), "country": "FR"} for n in range(3)]
    rows += [{**row, "country": "DE"} for row in (bought("p00", "Toys"), bought("q00", "Toys"))]
    rows.append(
        {"customer_id": "q01", "kind": "unsubscribed", "at": START + timedelta(days=2), "channel": "email"}
    )
    rows.append(bought("late", "Toys", day=31))
    (row,) = audience_comparison.count(events(*rows).lazy()).campaigns.iter_rows(named=True)
    assert (row["recipients"], row["others"]) == (20, 19)


def test_a_complaint_is_a_no_and_a_no_to_another_topic_is_none():
    said = {"kind": "unsubscribed", "at": START + timedelta(days=2), "channel": "email"}
    rows = [
        {**row, "topics": ["baby"]} if row["kind"] == "message_sent" else row for row in aimed_at_parents()
    ]
    rows += [
        {**mailed("q01", "other", day=1), "message_id": "o"},
        {**said, "kind": "message_complained", "customer_id": "q01", "message_id": "o", "channel": None},
        {**said, "kind": "message_complained", "customer_id": "q02", "machine": True},
        {**said, "customer_id": "q03", "topics": ["garden"]},
        {**said, "customer_id": "q04", "topics": ["baby"]},
    ]
    found = audience_comparison.count(events(*rows).lazy(), campaign="m")
    assert found.campaigns.select("campaign", "recipients", "others").rows() == [("m", 20, 18)]


def test_recipients_of_a_flow_are_held_against_others_at_the_same_moments():
    rows = [bought(f"p{n:02}", "Baby > Food", day=n) for n in range(20)]
    rows += [mailed(f"p{n:02}", day=n + 1) for n in range(20)]
    rows += [bought(f"q{n:02}", "Baby > Food", day=40) for n in range(20)]
    rows += [bought(f"q{n:02}", "Garden > Tools", day=-1) for n in range(20)]
    found = audience_comparison.count(events(*rows).lazy())
    (told,) = found.sets_apart("m", 1)
    assert (told.value, told.others, told.median_days_before) == ("Baby > Food", 0, 1.0)


# -- the arithmetic ------------------------------------------------------------------------------------------------


def test_the_chance_is_that_of_fishers_exact_test():
    random = Random(4)
    logs = proportions.log_factorials(400)
    for _ in range(200):
        among, others = random.randint(1, 60), random.randint(1, 300)
        a, b = random.randint(0, among), random.randint(0, others)
        (found,) = np.exp(proportions.log_chance(np.array([a]), among, np.array([b]), others, logs))
        assert found == pytest.approx(float(chance_of(a, among, b, others)), rel=1e-9)


def test_holm_is_held_to_its_definition():
    chances = [0.01, 0.04, 0.03, 0.005, 0.9]
    adjusted = proportions.holm(np.log(chances))
    expected = holm_of({place: Fraction(chance) for place, chance in enumerate(chances)})
    assert adjusted.tolist() == pytest.approx([float(expected[place]) for place in range(5)])


def test_wilson_and_the_interval_of_a_ratio_are_those_of_their_papers():
    low, high = proportions.wilson(np.array([81, 0]), np.array([263, 20]))
    assert (low.round(4).tolist(), high.round(4).tolist()) == (
        [0.2553, 0.0],
        [0.3662, 0.1611],
    )  # Newcombe 1998, table I
    least, most = proportions.ratio_interval(np.array([40, 10]), 50, np.array([15, 0]), 300)
    assert least[0] < 16.0 < most[0]
    assert most[1] == float("inf")


def test_states_begin_and_end():
    rows = [
        {"kind": "segment_entered", "at": "2026-01-01", "segment_id": "s"},
        {"kind": "segment_left", "at": "2026-01-05", "segment_id": "s"},
        {
            "kind": "profile_updated",
            "at": "2026-01-02",
            "attributes": json.dumps({"kids": 1, "note": "x" * 100}),
        },
        {"kind": "profile_updated", "at": "2026-01-03", "attributes": "no JSON"},
        {"kind": "profile_updated", "at": "2026-01-04", "attributes": json.dumps({"kids": 2})},
    ]
    states = audience.states(events(*rows).lazy()).sort("what", "since")
    assert states.select("what", "value", pl.col("until").is_null()).rows() == [
        ("field", "kids", False), ("field", "kids", True), ("profile", "kids: 1", False), ("profile", "kids: 2", True), ("segment", "s", False),
    ]  # fmt: skip


def test_a_value_of_the_profile_is_compared_among_those_who_have_the_field():
    """All recipients have a profile and few others do: that tells who has one, and no value of it sets anybody apart."""
    rows = [
        {
            "customer_id": f"c_{n:02}",
            "kind": "profile_updated",
            "at": START,
            "attributes": json.dumps({"kids": n % 2}),
        }
        for n in range(50)
    ]
    rows += [{"customer_id": f"c_{n:02}", "kind": "order_completed", "at": START} for n in range(50, 150)]
    rows += [
        {
            "customer_id": f"c_{n:02}",
            "kind": "message_sent",
            "at": START + timedelta(days=9),
            "campaign_id": "m",
        }
        for n in range(40)
    ]
    assert audience_comparison.count(events(*rows).lazy()).apart.filter(what="profile").is_empty()
    of_one = [row for row in rows if row["kind"] != "message_sent" or int(row["customer_id"][2:]) % 2]
    ((value, share, others),) = (
        audience_comparison.count(events(*of_one).lazy()).apart.filter(what="profile")
        .select("value", "recipients_share", "others_share").rows()
    )  # fmt: skip
    assert (value, share) == ("kids: 1", 1.0)
    assert others == pytest.approx(5 / 30)
