"""What is listed, how it is said, and what falls away without it."""

import polars as pl
import pytest

import fixtures
from audit import findings, recommendations
from audit.events.schema import in_order
from audit.findings import anomaly
from audit.flows.campaign_map import fill
from audit.population import stats
from audit.privacy.role_view import RoleView
from audit.rules.model import from_dict
from fixtures import scenes
from fixtures.fleet import fleet
from tests.audit.findings.anomaly.households import orders, world
from tests.build import context, events

MAKEUP = "scene-02-makeup-for-my-wife"


@pytest.fixture(scope="module")
def wife():
    """The events of scene 2, until two weeks after, among 250 others."""
    known = fixtures.demo_campaigns()
    everybody = in_order(pl.concat([scenes.events(), fleet(250).events]))
    mapped = fill(everybody.lazy(), known).collect()
    ctx = context(mapped, "2026-03-01T00:00:00Z", facts=stats.count(mapped.lazy()), campaigns=known)
    mine = (pl.col("customer_id") == MAKEUP) & (pl.col("occurred_at") <= ctx.at)
    return ctx, mapped.filter(mine)


def test_the_make_up_for_my_wife_is_first_with_its_signs(wife):
    ctx, events_of = wife
    first = anomaly.out_of_pattern(events_of, ctx)[0]
    (bought,) = first.evidence
    assert events_of.filter(pl.col("event_id") == bought)["item_id"].item() == "eye-palette"
    assert (first.hard, first.signs) == (True, ("gift", "recipient"))
    assert "marked as a gift, for another recipient" in first.text
    assert "of a kind that no other order holds: Beauty" in first.text
    assert first.because[0].text.startswith("Eyeshadow palette")


def test_without_it_what_it_drove_is_gone(wife):
    ctx, events_of = wife
    hard = [one for entry in anomaly.out_of_pattern(events_of, ctx) if entry.hard for one in entry.evidence]
    left = events_of.filter(~pl.col("event_id").is_in(hard))

    def also_bought(frame):
        made = recommendations.placements(frame, ctx).filter("derived", pl.col("strategy") == "also_bought")
        return {
            row["item_id"]: {own["item_id"] for own in row["own_items"]} for row in made.iter_rows(named=True)
        }

    before, after = also_bought(events_of), also_bought(left)
    driven = {item for item, own in before.items() if own == {"eye-palette"}}
    assert "lipstick" in driven
    assert not driven & after.keys()
    assert not any(entry.hard for entry in anomaly.out_of_pattern(left, ctx))


def test_its_rule_is_one_that_the_book_takes(wife):
    ctx, events_of = wife
    entry = anomaly.out_of_pattern(events_of, ctx)[0]
    rule = from_dict(entry.suggested_rule)
    assert (rule.kind, rule.events) == ("exclude_event", entry.evidence)


def test_for_somebody_who_died_the_only_rule_is_silence(wife):
    ctx, events_of = wife
    died = events_of.tail(1).with_columns(kind=pl.lit("customer_deceased"), event_id=pl.lit("died"))
    rules = {str(entry.suggested_rule) for entry in anomaly.out_of_pattern(pl.concat([events_of, died]), ctx)}
    assert len(rules) == 1
    assert "'kind': 'mute'" in rules.pop()


def test_a_varied_shopper_is_no_suspect():
    own = [
        {"kind": "order_completed", "customer_id": "varied", "order_id": f"v{number}", "event_id": f"v{number}",
         "item_id": f"i{number * 17 % 240}", "at": f"2026-{1 + number % 12:02}-02T12:00",
         "category": f"Area {number * 17 % 240 // 40} > Kind {number * 17 % 240 // 10} > Type {number * 17 % 240 // 5}"}
        for number in range(14)
    ]  # fmt: skip
    frame = pl.concat([world(strange=False), events(*own)]).sort("customer_id", "occurred_at", "event_id")
    ctx = context(frame, facts=stats.count(frame.lazy()))
    mine = frame.filter(pl.col("customer_id") == "varied")
    assert anomaly.out_of_pattern(mine, ctx) == ()
    assert findings.find(mine, ctx, checks=["shared-account"]).is_empty()


def test_a_strange_order_is_a_hint_and_no_more():
    frame = world()
    ctx = context(frame, facts=stats.count(frame.lazy()))
    made = anomaly.listed(frame, ctx)
    strange = pl.col("basket").str.starts_with("strange")
    assert made.filter(strange).height >= 0.7 * 30
    assert made.filter(~strange).height <= 0.02 * frame["order_id"].n_unique()
    assert findings.find(frame, ctx, checks=["shared-account"]).is_empty()


@pytest.mark.parametrize(
    ("columns", "signs"),
    [
        ({"gift": True}, ["gift"]),
        ({"recipient": "mother"}, ["recipient"]),
        ({"recipient": "Self"}, []),
        ({"persona": "p2"}, ["persona"]),
        ({"device_id": "tablet"}, ["device"]),
        ({"device_id": "phone"}, []),
    ],
)
def test_what_the_source_recorded_is_a_hard_sign(columns, signs):
    own = [row | {"persona": "p1", "device_id": "phone"} for row in orders(1)]
    strange = [
        row | {"customer_id": "h01", "order_id": "strange"} | columns for row in orders(9, baskets=1, seed=1)
    ]
    others = [row for household in range(2, 30) for row in orders(household)]
    frame = events(*own, *strange, *others)
    made = anomaly.listed(frame, context(frame, facts=stats.count(frame.lazy())))
    (found,) = made.filter(pl.col("basket") == "strange")["signs"].to_list()
    assert found == signs


def test_a_sensitive_thing_is_not_named_to_an_agent():
    rows = [row for household in range(30) for row in orders(household)]
    test = {"kind": "order_completed", "customer_id": "h01", "order_id": "strange", "item_id": "t", "gift": True,
            "item_name": "Early test", "category": "Health > Pregnancy tests", "at": "2026-06-01T03:00"}  # fmt: skip
    frame = events(*rows, test)
    ctx = context(frame, facts=stats.count(frame.lazy()))
    mine = frame.filter(pl.col("customer_id") == "h01")
    view = RoleView(names_sensitive=False)
    view.learn(mine)
    found = [{"text": one.text, "because": one.because} for one in anomaly.out_of_pattern(mine, ctx)]
    named, unnamed = str(found), str(view.shown(found))
    assert "Early test" in named
    assert "Health" in named
    assert not any(word in unnamed for word in ("Early test", "Pregnancy", "Health"))
    assert "sensitive topic" in unnamed


def test_what_happens_after_the_moment_is_not_seen():
    frame = world()
    ctx = context(frame, "2026-01-01T00:00:00Z", facts=stats.count(frame.lazy()))
    assert anomaly.listed(frame, ctx).is_empty()


def test_somebody_nobody_counted_has_nothing_listed():
    frame = events({"kind": "order_completed", "at": "2026-01-05", "item_id": "new", "gift": True})
    assert anomaly.out_of_pattern(frame, context(frame)) == ()


def test_a_gift_is_listed_only_where_few_accounts_hold_one_as_unusual():
    rows = [row for household in range(60) for row in orders(household)]

    def listed_among(givers):
        gifts = [
            row | {"customer_id": f"h{giver:02}", "order_id": "gift", "gift": True}
            for giver in range(givers)
            for row in orders(giver + 30, baskets=1, seed=1)
        ]
        frame = events(*rows, *gifts).sort("customer_id", "occurred_at", "event_id")
        made = anomaly.listed(frame, context(frame, facts=stats.count(frame.lazy())))
        return made.filter(pl.col("signs").list.len() > 0)

    (common,) = listed_among(1)["common"]
    assert common == pytest.approx(1 / 60, abs=0.001)
    assert listed_among(20).height <= 0.05 * 60
