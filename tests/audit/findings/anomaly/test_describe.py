"""How an entry is worded, at the edge of each of its numbers."""

from datetime import UTC, datetime

import pytest
from msgspec import UNSET

from audit.findings.anomaly import OutOfPattern, describe
from audit.findings.anomaly.describe import UnusualThing
from audit.queries.reports import reasons
from audit.queries.reports.language import language

BASKET = {
    "family": "order",
    "things": 1,
    "baskets": 5,
    "percentile": 75.0,
    "common": None,
    "at": datetime(2026, 3, 1, tzinfo=UTC),
}
ITEM = {
    "category": "Beauty > Make-up > Palettes", "item_name": "Palette", "thing": "p", "thing_rest": 0,
    "type_rest": 0, "type_node": 7, "department_rest": 0, "unit": 1, "family": "order", "customers": 9, "fits": -1.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (
            {},
            "The order of 2026-03-01 (1 thing): 3 of this account's 4 other orders are nearer to its usual pattern.",
        ),
        (
            {"percentile": 100.0},
            "The order of 2026-03-01 (1 thing): all this account's 4 other orders are nearer to its usual pattern.",
        ),
        (
            {"percentile": 25.0},
            "The order of 2026-03-01 (1 thing): 1 of this account's 4 other orders is nearer to its usual pattern.",
        ),
        (
            {"baskets": 2, "percentile": 100.0},
            "The order of 2026-03-01 (1 thing): this account's other order is nearer to its usual pattern.",
        ),
        ({"things": 2, "baskets": 1}, "The order of 2026-03-01 (2 things): the only one there is."),
    ],
)
def test_a_basket_is_held_against_the_others_of_its_account(columns, words):
    assert describe._head(BASKET | columns, []) == words


@pytest.mark.parametrize(
    ("common", "english", "german"),
    [
        (
            None,
            [],
            (
                "Bestellung vom 1. März 2026 (1 Artikel, als Geschenk markiert): von 4 anderen Bestellungen dieses Kontos "
                "liegen näher am Gewohnten: 3. Sonst gibt es hier nichts aus „Beauty“. Es war um 3:00 Uhr"
            ),
        ),
        (
            0.0,
            ["Fewer than 1 in 100 accounts with 5 orders or more hold one so marked and as unusual."],
            "In weniger als einem von 100 Konten mit 5 oder mehr Bestellungen gibt es etwas so Gekennzeichnetes, das so ungewöhnlich ist.",
        ),
        (
            0.03,
            ["3 in 100 accounts with 5 orders or more hold one so marked and as unusual."],
            "In 3 von 100 Konten mit 5 oder mehr Bestellungen gibt es etwas so Gekennzeichnetes, das so ungewöhnlich ist.",
        ),
    ],
)
def test_how_common_one_as_unusual_is_here_is_said_in_both_languages(common, english, german):
    assert describe._rarity(BASKET | {"common": common, "signs": ["gift"]}) == english
    unmarked = [text.replace("so marked and ", "") for text in english]
    assert describe._rarity(BASKET | {"common": common, "signs": []}) == unmarked
    entry = OutOfPattern(
        order_id="1", session_id=UNSET, at=BASKET["at"], score=2.5, percentile=75.0, common=common, hard=True,
        signs=("gift",), text="", things=1, others=4, new=1, kinds=("Beauty",), hour=3, because=(), evidence=(),
        suggested_rule={},
    )  # fmt: skip
    assert german in reasons.out_of_pattern(language("de"), entry)


@pytest.mark.parametrize(("fits", "named"), [(-0.1, 1), (0.0, 0), (0.1, 0)])
def test_a_thing_that_is_as_usual_here_as_elsewhere_does_not_stand_out(fits, named):
    row = BASKET | {
        "basket": "1", "score": 2.5, "customer_id": "c", "signs": [], "evidence": ["e"], "hour": 3, "hour_fits": -2.0,
    }  # fmt: skip
    entry = describe._entry(row, [ITEM | levels(1, 1, 1) | {"fits": fits}], {}, 1000)
    assert len(entry.because) == named


@pytest.mark.parametrize("fits", [0.0, 0.000001])
def test_an_hour_is_named_where_the_account_seldom_shops_at_it(fits):
    row = {"family": "order", "hour": 3, "hour_fits": describe._SELDOM + fits}
    assert (describe._hour(row) == []) == (fits > 0)


@pytest.mark.parametrize(
    ("columns", "english", "german"),
    [
        ({"thing_rest": 1}, "here 1 other time", "hier sonst 1-mal"),
        ({"thing_rest": 2}, "here 2 other times", "hier sonst 2-mal"),
        (
            {"type_rest": 3},
            "never this one, others of its kind 3 times, mostly Brush",
            "sonst nie, andere dieser Art: 3-mal, meist „Brush“",
        ),
        (
            {"type_rest": 4},
            "never this one, others of its kind 4 times",
            "sonst nie, andere dieser Art: 4-mal",
        ),
        (
            {"type_rest": 1},
            "never this one, 1 other of its kind, Brush",
            "sonst nie, andere dieser Art: 1-mal, „Brush“",
        ),
        (
            {"type_rest": 1, "item_name": "Brush"},
            "never this one, 1 other of its kind",
            "andere dieser Art: 1-mal",
        ),
        (
            {"type_rest": 217, "category": None},
            "never this one",
            "sonst nie",
        ),
        (
            {"type_rest": 3, "type_node": 8},
            "never this one, others of its kind 3 times",
            "andere dieser Art: 3-mal",
        ),
    ],
)
def test_what_the_account_holds_of_it_or_of_its_kind(columns, english, german):
    made = describe._item(ITEM | levels(0) | columns, {(1, 7): ("Brush", 2)}, 1000)
    assert f": {english}; " in made.text
    assert f"{german}; " in _german(made)


def _german(thing: UnusualThing, *, ordered: bool = True) -> str:
    return reasons.unusual_thing(language("de"), thing, ordered=ordered)


@pytest.mark.parametrize(
    ("customers", "words"),
    [(100, "10 %"), (99, "9.9 %"), (1, "0.1 %"), (0.9, "under 0.1 %")],
)
def test_a_share_is_as_exact_as_it_is_large(customers, words):
    assert describe.share_in_words(customers / 1000) == words


def test_the_share_is_said_to_be_of_the_item_not_of_its_kind_and_of_whom():
    item = ITEM | levels(1, 0, 0)
    bought = describe._item(item, {}, 1000)
    assert bought.text == (
        "Palette: nothing else here lies in Beauty > Make-up; "
        "fewer than 11 accounts with an order have bought this item."
    )
    assert _german(bought) == (
        "„Palette“: sonst gibt es hier nichts aus „Beauty > Make-up“; "
        "gekauft haben ihn weniger als 11 Konten mit einer Bestellung"
    )
    seen = describe._item(item | {"family": "session", "customers": 11}, {}, 1000)
    assert seen.text.endswith("; 1.1 % of all accounts with a session have this item in one.")
    assert _german(seen, ordered=False).endswith("in einem Besuch haben ihn 1,1 % aller Konten mit Besuchen")
    seldom = _german(describe._item(item | {"customers": 11}, {}, 20_000))
    assert seldom.endswith("gekauft haben ihn unter 0,1 % aller Konten mit einer Bestellung")


def levels(*rests):
    return {f"{level}_rest": rest for level, rest in zip(describe.LEVELS, rests, strict=False)}


def test_a_kind_is_named_by_the_shortest_part_of_its_path_that_holds_nothing_else():
    assert describe._kind(ITEM | levels(0, 0, 0)) == "Beauty"
    assert describe._kind(ITEM | levels(1, 0, 0)) == "Beauty > Make-up"
    assert describe._kind(ITEM | levels(1, 1, 1)) == "Beauty > Make-up > Palettes"
    assert (
        "nothing else here lies in Beauty > Make-up > Palettes;"
        in describe._item(ITEM | levels(1, 1, 0), {}, 9).text
    )


def test_new_kinds_are_counted_and_the_first_few_named():
    kinds = [f"Area {number}" for number in range(describe._NAMED + 1)]
    named = "; ".join(kinds[:-1])
    assert describe._new_kinds(BASKET, 0, []) == []
    assert describe._new_kinds(BASKET, 1, kinds[:1]) == ["It is of a kind that no other order holds: Area 0."]
    (some,) = describe._new_kinds(BASKET | {"things": 4}, 3, kinds[:-1])
    assert some == f"3 of 4 are of a kind that no other order holds: {named}."
    (one,) = describe._new_kinds(BASKET | {"things": 2}, 1, kinds[:1])
    assert one == "1 of 2 is of a kind that no other order holds: Area 0."
    (all_of_them,) = describe._new_kinds(BASKET | {"things": 4}, 4, kinds)
    assert all_of_them.endswith(f"{named} and 1 more.")


@pytest.mark.parametrize(
    ("family", "basket", "expected"),
    [
        ("order", "o7", {"order_id": "o7"}),
        ("order", "event:e1", {"order_id": None}),
        ("session", "s7", {"session_id": "s7"}),
        ("session", "from:e1", {"session_id": None}),
    ],
)
def test_an_entry_names_its_order_or_its_session_where_the_source_does(family, basket, expected):
    row = BASKET | {
        "family": family, "basket": basket, "score": 1.0, "signs": [], "evidence": ["e1"], "customer_id": "c_1",
        "hour": 3, "hour_fits": 0.0,
    }  # fmt: skip
    document = describe._entry(row, [], {}, 10).to_json()
    assert {name: document[name] for name in ("order_id", "session_id") if name in document} == expected
