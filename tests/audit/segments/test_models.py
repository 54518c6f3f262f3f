"""What is learned from a fleet: its values against the library's, its moments against trying, its reasons by doing."""

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from audit import segments, why
from audit.errors import InputError
from audit.events.sensitive_topics import in_category
from audit.population import stats
from audit.segments import models as learned
from audit.segments.event_selection import SelectedEvents
from audit.segments.models import customer_groups, customer_lifetime_value, explain
from audit.segments.models.train import train
from fixtures.fleet import fleet
from tests.build import context

PEOPLE = 160
SOME = 4


@pytest.fixture(scope="module")
def frame():
    return fleet(PEOPLE).events


@pytest.fixture(scope="module")
def ctx(frame):
    plain = context(frame, facts=stats.count(frame.lazy()))
    models = train(frame, plain)
    return replace(plain, models=models, definitions=explain.definitions(models))


def of_orders(frame, ctx):
    selected = SelectedEvents(frame, ctx.at)
    return selected.rows(customer_groups.buying().events), selected.people


def test_all_three_are_learned_and_the_same_events_teach_the_same(frame, ctx):
    assert None not in (ctx.models.learned, ctx.models.alike, ctx.models.lifetime)
    assert train(frame, ctx) == ctx.models
    assert learned.from_json(ctx.models.to_json()) == ctx.models


def test_too_few_teach_nothing(frame, ctx):
    few = frame.filter(pl.col("customer_id").is_in(frame["customer_id"].unique().sort()[:9].implode()))
    with pytest.raises(InputError, match="too few customers"):
        train(few, ctx)


def test_nothing_sensitive_is_learned_and_no_group_is_of_few(frame, ctx):
    names = pl.Series(ctx.models.alike.features).to_frame("name")
    assert not names.select(in_category(pl.col("name")).any()).item()
    given = segments.derive(frame, ctx).filter(pl.col("definition") == "learned")
    assert given["segment_id"].value_counts()["count"].min() >= 11


def test_the_fitted_parameters_are_the_published_ones():
    """BG/NBD: Fader, Hardie and Lee 2005, table 2 (in weeks); Gamma-Gamma: Fader and Hardie 2013, section 3."""
    cdnow = pl.read_csv(Path(__file__).with_name("cdnow.csv"), comment_prefix="#").cast(pl.Float64)
    each = cdnow.select(pl.all().repeat_by("customers").explode())
    repeats, weeks = each["repeats"].to_numpy(), each.select(pl.col("recency", "age") / 7)
    purchases = customer_lifetime_value.fit_purchases(
        repeats, weeks["recency"].to_numpy(), weeks["age"].to_numpy()
    )
    assert purchases == pytest.approx((0.243, 4.414, 0.793, 2.426), abs=5e-4)
    paying = each.filter(pl.col("mean") > 0)
    spend = customer_lifetime_value.fit_spend(paying["repeats"].to_numpy(), paying["mean"].to_numpy())
    assert spend == pytest.approx((6.25, 3.74, 15.44), abs=1e-2)


def test_what_is_fitted_to_a_fleet_is_what_the_library_fitted(ctx):
    """Of these customers clvkit 0.2.1 gave these once: BGNBD().fit(base), GammaGamma().fit(base), in days."""
    model = ctx.models.lifetime
    assert (model.r, model.alpha) == pytest.approx((0.9808559, 42.2654874), rel=1e-4)
    assert (model.p, model.q, model.v) == pytest.approx((1.9041979, 4.4555277, 58.3144913), rel=1e-3)
    assert model.least == pytest.approx(425.27772, rel=1e-5)


@pytest.mark.parametrize(
    ("repeats", "recency", "age", "mean", "value"),
    [
        (0, 0, 272, 0.0, 8.899709438617867),
        (2, 213, 272, 22.35, 38.53292542179694),
        (1, 12, 272, 11.77, 4.930350563538163),
        (26, 264, 270, 83.6, 1819.897890705524),
        (7, 40, 400, 5.0, 0.0007497595350744856),
        (3, 250, 250, 0.0, 96.71951137702065),
    ],
)
def test_what_a_customer_is_worth_is_what_the_library_says(repeats, recency, age, mean, value):
    """Under the published parameters of CDNOW, as clvkit 0.2.1 gave it once: purchases in 365 days, times spend."""
    model = learned.Lifetime(0.243, 4.414 * 7, 0.793, 2.426, 6.25, 3.74, 15.44, least=0, days=365, people=1)
    state = pl.DataFrame(
        [(1, recency, 0, repeats, mean)], schema=customer_lifetime_value.BUYING, orient="row"
    )
    assert customer_lifetime_value.worth(model, state, np.array([age]))[0] == pytest.approx(value, rel=1e-9)


def test_lifetime_value_holds_on_the_days_on_which_it_is_enough_and_no_others(frame, ctx):
    orders, _ = of_orders(frame, ctx)
    model = ctx.models.lifetime
    given = customer_lifetime_value.contributions(model, orders)
    for (person,), states in (
        customer_lifetime_value.buying(orders).partition_by("person", as_dict=True).items()
    ):
        if person >= SOME * 5:
            break
        first, last = states["day"][0], states["day"][-1]
        spells = given.filter(pl.col("person") == person).select(
            pl.col("enter").dt.epoch("d"), pl.col("leave").dt.epoch("d")
        )
        for day in range(first, last + 500, 7):
            before = states.filter(pl.col("day") < day).tail(1)
            enough = (
                bool(before.height)
                and customer_lifetime_value.worth(model, before, np.array([day - 1]))[0] >= model.least
            )
            held = any(enter <= day < leave for enter, leave in spells.iter_rows())
            assert held == enough, (person, day)


def test_numbers_over_time_are_those_of_counting_by_hand(frame, ctx):
    words = tuple(customer_groups.behaviour())
    selected = SelectedEvents(frame, ctx.at)
    numbers = customer_groups.over_time(selected, "learned", words)
    asked = customer_groups.behaviour()[words[0]]
    for moment in (ctx.at, ctx.at - timedelta(days=200)):
        people, raw = customer_groups.at_moment(numbers, moment)
        for person, row in zip(people["person"], raw, strict=True):
            mine = selected.rows(asked.events).filter(
                pl.col("person") == person,
                pl.col("occurred_at") <= moment,
                pl.col("occurred_at") > moment - asked.window,
            )
            assert row[0] == mine["order_id"].n_unique()
            if person > 20:
                break


def test_the_group_is_the_one_whose_centre_is_nearest(frame, ctx):
    groups = ctx.models.learned
    people, raw = customer_groups.at_moment(
        customer_groups.over_time(SelectedEvents(frame, ctx.at), "learned", groups.features), ctx.at
    )
    given = dict(
        segments.derive(frame, ctx)
        .filter(pl.col("definition") == "learned")
        .select("customer_id", "segment_id")
        .rows()
    )
    names = dict(SelectedEvents(frame, ctx.at).people.rows())
    for person, row in zip(
        people["person"], customer_groups.plain(raw, "learned", groups.features), strict=True
    ):
        scaled = [(np.log1p(x) - m) / s for x, m, s in zip(row, groups.mean, groups.scale, strict=True)]
        away = [sum((a - b) ** 2 for a, b in zip(scaled, centre, strict=True)) for centre in groups.centres]
        if row.sum() > 0:
            assert given[names[person]] == f"learned:{groups.names[int(np.argmin(away))]}"
        else:
            assert names[person] not in given


def test_a_fleet_gets_what_each_customer_gets_alone(frame, ctx):
    some = frame["customer_id"].unique().sort()[:SOME].to_list()
    whole = segments.derive(frame, ctx).filter(pl.col("customer_id").is_in(some))
    alone = pl.concat(segments.derive(frame.filter(pl.col("customer_id") == one), ctx) for one in some)
    assert whole.equals(alone)


def test_until_is_the_first_moment_at_which_it_is_gone(frame, ctx):
    one = frame.filter(pl.col("customer_id") == frame["customer_id"].unique().sort()[1])
    found = segments.derive(one, ctx).drop_nulls("until")
    assert found.height
    for segment, until in found.select("segment_id", "until").rows():
        before = replace(ctx, at=until - timedelta(microseconds=1))
        assert segment in set(segments.derive(one, before)["segment_id"])
        assert segment not in set(segments.derive(one, replace(ctx, at=until))["segment_id"])


def test_what_moves_somebody_over_is_found_by_doing_it(frame, ctx):
    proofs = 0
    for customer in frame["customer_id"].unique().sort()[:SOME]:
        one = frame.filter(pl.col("customer_id") == customer)
        for segment in segments.derive(one, ctx)["segment_id"]:
            proof = why.segment(one, ctx, segment).counterfactual
            assert proof is not None
            assert proof.remove
            proofs += 1
            for put_back in (None, proof.remove[0], proof.remove[-1]):
                left_out = [event for event in proof.remove if event != put_back]
                rest = one.filter(~pl.col("event_id").is_in(left_out))
                assert (segment in set(segments.derive(rest, ctx)["segment_id"])) is (put_back is not None)
    assert proofs >= SOME


def test_what_counts_to_no_number_of_a_group_is_left_out_and_does_not_matter(frame, ctx):
    held = 0
    for customer in frame["customer_id"].unique().sort()[: 3 * SOME]:
        one = frame.filter(pl.col("customer_id") == customer)
        for segment in segments.derive(one, ctx)["segment_id"]:
            made = why.segment(one, ctx, segment)
            idle = [
                event
                for leaf in made.left_out
                if "none of the numbers" in leaf.text or "of today" in leaf.text
                for event in leaf.events
            ]
            rest = one.filter(~pl.col("event_id").is_in(idle))
            held += bool(idle)
            assert not set(idle) & set(made.evidence)
            assert segment in set(segments.derive(rest, ctx)["segment_id"])
    assert held >= SOME


def test_the_reason_says_why_this_one_and_not_the_next(frame, ctx):
    reasons = dict(segments.derive(frame, ctx).select("definition", "reason").rows())
    assert reasons["learned"].startswith("nearer than to “")
    assert "(here about" in reasons["learned"]
    assert reasons["lifetime-value"].startswith("expected to spend about")


def test_without_the_extra_one_line_says_what_to_install(frame, ctx, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(InputError, match=r"whysent\[learned\]"):
        train(frame, ctx)
