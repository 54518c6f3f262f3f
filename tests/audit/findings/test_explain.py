"""Why a finding is listed, and without what it would not be."""

from collections.abc import Iterable

import pytest

from audit import findings
from audit.errors import NotFoundError
from audit.events.times import parse_iso
from audit.why.model import Counterfactual, Explanation
from audit.why.reasons import told_by_kind
from audit.why.removed_events import Limit
from tests.build import context, events

CLIPPER = {"item_id": "clipper", "item_name": "Nail clipper", "category": "Beauty > Nails > Clippers"}


def bought_and_mailed(mails: int = 4) -> list[dict[str, object]]:
    bought = {"event_id": "o", "kind": "order_completed", "at": "2026-01-01", **CLIPPER}
    return [bought, *(mail(f"m{n}", f"2026-0{n + 2}-01", **CLIPPER) for n in range(mails))]


def mail(event_id: str, at: str, **fields: object) -> dict[str, object]:
    return {"event_id": event_id, "kind": "message_sent", "at": at, "campaign_id": "deals", "message_class": "marketing",
            "channel": "email", **fields}  # fmt: skip


def explained(rows: list[dict[str, object]], check: str) -> Explanation:
    frame = events(*rows)
    ctx = context(frame)
    (ident,) = findings.find(frame, ctx, checks=[check])["id"]
    return findings.finding(frame, ctx, ident)


def test_the_purchase_is_what_the_finding_rests_on() -> None:
    made = explained(bought_and_mailed(), "repeat-after-purchase")
    proof = made.counterfactual
    assert proof is not None
    assert (proof.remove, proof.smallest, proof.needed) == (("o",), True, ("o",))
    assert proof.outcome == "this would not be found"
    assert made.subject.type == "finding"
    assert made.standing == "derived"
    assert made.because[0].because[0].text == "bought Nail clipper on 2026-01-01 00:00"


def test_where_no_act_is_behind_it_messages_are_left_out() -> None:
    rows = [mail(f"m{n:02}", f"2026-{3 + n // 9:02}-{1 + n % 9 * 3:02}T08:00") for n in range(25)]
    clicked = {"kind": "message_clicked", "at": "2025-01-01", "message_id": "x", "customer_id": "c_2"}
    frame, everybody = events(*rows), events(*rows, clicked)
    ctx = context(everybody)
    (ident,) = findings.find(frame, ctx, checks=["ignored-streak"])["id"]
    made = findings.finding(frame, ctx, ident)
    proof = made.counterfactual
    assert proof is not None
    rest = frame.filter(~frame["event_id"].is_in(list(proof.remove)))
    assert ident not in findings.find(rest, ctx)["id"].to_list()
    assert {one[:1] for one in proof.remove} == {"m"}
    assert (
        proof.removed_in_words
        == f"{len(proof.remove)} of 25 mails of “deals”, those since {proof.removed[0].first}"
    )
    since = frame.filter(frame["occurred_at"].dt.date() >= proof.removed[0].first)
    assert set(proof.remove) == set(since["event_id"])
    (absence,) = [one for one in made.because[0].because if one.absent]
    assert absence.absent is not None
    assert absence.absent.kinds == ("message_clicked",)


@pytest.mark.parametrize(("mails", "said"), [(5, ""), (6, "all 6 mails of “deals”")])
def test_more_than_five_events_are_told_by_what_they_are(mails: int, said: str) -> None:
    died = {"event_id": "d", "kind": "customer_deceased", "at": "2026-01-01"}
    rows = [mail(f"m{n:02}", f"2026-03-{n + 1:02}", category="Baby") for n in range(mails)]
    frame = events(died, *rows)
    proof = Counterfactual(
        remove=tuple(row["event_id"] for row in rows), add=(), outcome="", smallest=True, method="exact"
    )
    told = told_by_kind(proof, frame)
    assert told is not None
    assert (told.remove, told.removed_in_words) == (proof.remove, said)


def test_of_events_of_several_kinds_each_kind_is_told() -> None:
    views = [{"event_id": f"v{n}", "kind": "product_viewed", "at": f"2026-01-0{n + 1}"} for n in range(9)]
    rows = [mail(f"m{n}", f"2026-03-0{n + 1}", campaign_id=f"c{n}") for n in range(3)]
    frame = events(*views, *rows)
    left_out = ("v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "m0", "m1", "m2")
    proof = Counterfactual(remove=left_out, add=(), outcome="", smallest=True, method="exact")
    told = told_by_kind(proof, frame)
    assert told is not None
    assert told.removed_in_words == "8 of 9 views, those until 2026-01-08 and all 3 mails"


@pytest.mark.parametrize(
    ("lines", "gone", "said"),
    [
        ({"a": 12}, range(12), "the one order (12 lines)"),
        ({"a": 6, "b": 8}, range(14), "both orders (14 lines)"),
        ({"a": 12, "b": 5}, range(12), "1 of 2 orders (12 lines), those until 2026-01-01"),
        ({"a": 12, "b": 5}, range(11), ""),
        ({"a": 3, "b": 5, "c": 3, "d": 4}, [0, 1, 2, 8, 9, 10], "2 of 4 orders (6 lines), a and c"),
        ({"a": 1, "b": 3}, range(1), ""),
        (dict.fromkeys("abcdefghijk", 1), range(11), "all 11 orders"),
    ],
)
def test_whole_orders_are_counted_as_orders_and_others_as_lines(
    lines: dict[str, int], gone: Iterable[int], said: str
) -> None:
    orders = [name for name, number in lines.items() for _ in range(number)]
    frame = events(
        *(
            {
                "event_id": f"e{n:03}", "kind": "order_completed", "order_id": order, "item_id": f"i{n}",
                "at": f"2026-01-{'abcdefghijk'.index(order) + 1:02}",
            }
            for n, order in enumerate(orders)
        )
    )  # fmt: skip
    remove = tuple(f"e{n:03}" for n in gone)
    proof = Counterfactual(remove=remove, add=(), outcome="", smallest=True, method="exact")
    told = told_by_kind(proof, frame)
    assert told is not None
    assert told.removed_in_words == said


@pytest.mark.parametrize(
    ("gone", "limit", "said"),
    [
        (range(1, 13), None, "those until 2026-03-12"),
        (range(9, 21), None, "those since 2026-03-09"),
        (range(3, 16), None, "those from 2026-03-03 to 2026-03-15"),
        ([*range(1, 9), *range(12, 21)], None, "all but those from 2026-03-09 to 2026-03-11"),
        ([*range(1, 15), 16, 18], None, ""),
        (
            [*range(1, 15), 16, 18],
            Limit(messages=2, days=7),
            "those that at most 2 in 7 days would have stopped",
        ),
    ],
)
def test_some_of_many_messages_are_told_by_which_they_are(
    gone: Iterable[int], limit: Limit | None, said: str
) -> None:
    frame = events(*(mail(f"m{day:02}", f"2026-03-{day:02}") for day in range(1, 21)))
    remove = tuple(f"m{day:02}" for day in gone)
    proof = Counterfactual(remove=remove, add=(), outcome="", smallest=True, method="exact", limit=limit)
    told = told_by_kind(proof, frame)
    assert told is not None
    assert told.worth_saying == bool(said)
    assert told.removed_in_words == (f"{len(remove)} of 20 mails of “deals”, {said}" if said else "")


def test_what_was_sent_back_and_what_is_no_goods_is_no_order_that_could_stay() -> None:
    bought = {"kind": "order_completed", "at": "2026-01-01", "item_name": "Mug"}
    orders = [bought | {"event_id": f"e{n}", "order_id": f"o{n}", "item_id": f"i{n}"} for n in range(8)]
    returned = {
        "event_id": "r",
        "kind": "order_refunded",
        "order_id": "o7",
        "item_id": "i7",
        "at": "2026-01-02",
    }
    manual = bought | {"event_id": "s", "order_id": "s", "item_id": "M", "item_name": "Manual"}
    remove = tuple(f"e{n}" for n in range(7))
    proof = Counterfactual(remove=remove, add=(), outcome="", smallest=True, method="exact")
    told = told_by_kind(proof, events(*orders, returned, manual))
    assert told is not None
    assert (told.removed[0].count, told.removed[0].of, told.everything, told.worth_saying) == (
        7,
        7,
        True,
        False,
    )
    with_another = told_by_kind(proof, events(*orders, manual))
    assert with_another is not None
    assert (with_another.removed[0].of, with_another.everything) == (8, False)


def test_all_that_a_decision_rests_on_is_not_told_and_the_dearest_lines_are_told_with_their_sum() -> None:
    frame = events(
        *(
            {
                "event_id": f"e{n}", "kind": "order_completed", "order_id": f"o{n % 3}", "item_id": f"i{n}",
                "price": 10.0 + (n % 4 == 0), "quantity": 2, "at": "2026-01-01",
            }
            for n in range(9)
        )
    )  # fmt: skip
    proof = Counterfactual(remove=("e0", "e4", "e8"), add=(), outcome="", smallest=True, method="exact")
    everybody = frame["event_id"].to_list()
    otherwise = told_by_kind(proof, frame, rests_on=everybody)
    assert otherwise is not None
    assert otherwise.removed == ()
    told = told_by_kind(proof, frame, rests_on=everybody, by_worth=True)
    assert told is not None
    assert told.removed_in_words == "the 3 dearest of 9 order lines (66.00 of 186.00)"
    everything = told_by_kind(proof, frame, rests_on=proof.remove)
    assert everything is not None
    assert not everything.worth_saying


def test_messages_stand_in_one_line_with_what_they_are_called_those_that_count_towards_the_limit_too() -> (
    None
):
    names = ("News", "Deals", "News", "Garden", "Books")
    rows = [mail(f"m{n}", f"2026-01-01T1{n}:00", campaign_name=name) for n, name in enumerate(names)]
    (line,) = explained(rows, "over-frequency").because[0].because
    assert line.text == "5 mails (“News”, “Deals” and others) on 2026-01-01: 2 too many"
    assert line.events == tuple(row["event_id"] for row in rows)
    (few,) = explained(rows[:4], "over-frequency").because[0].because
    assert few.text == "4 mails (“News”, “Deals” and “Garden”) on 2026-01-01: 1 too many"
    (unnamed,) = (
        explained([*rows[:3], rows[3] | {"campaign_name": "4711"}], "over-frequency").because[0].because
    )
    assert unnamed.text == "4 mails on 2026-01-01: 1 too many"


def test_a_breach_has_no_counterfactual() -> None:
    stop = {"event_id": "u", "kind": "unsubscribed", "at": "2026-01-01", "channel": "email", "country": "US"}
    made = explained([stop, mail("m", "2026-03-01", country="US")], "after-opt-out")
    assert made.counterfactual is None


def test_a_finding_that_is_not_listed_is_refused() -> None:
    frame = events(*bought_and_mailed())
    with pytest.raises(NotFoundError, match="no finding 'f_0'"):
        findings.finding(frame, context(frame), "f_0")


def test_of_several_that_are_listed_it_is_the_one_that_is_named() -> None:
    frame = events(*bought_and_mailed(), *(mail(f"x{n}", f"2026-07-01T0{n}:00") for n in range(4)))
    ctx = context(frame)
    listed = findings.find(frame, ctx, checks=["repeat-after-purchase", "over-frequency"])
    assert len(listed) == 2
    for ident, check in listed.select("id", "check").iter_rows():
        made = findings.finding(frame, ctx, ident, listed=listed)
        assert made.because[0].facts is not None
        assert (made.subject.id, made.because[0].facts.check) == (ident, check)


def test_what_cannot_be_told_rests_on_its_messages_and_says_nothing_of_what_did_not_happen() -> None:
    frame = events(*(mail(f"m{n}", f"2026-03-{5 * n + 1:02}T08:00") for n in range(6)))
    ctx = context(frame)
    (ident,) = findings.find(frame, ctx, checks=["ignored-streak"])["id"]
    made = findings.finding(frame, ctx, ident)
    assert not [one for one in made.because[0].because if one.absent]
    assert (made.left_out, made.end.counts_until) == ((), None)
    assert made.counterfactual is None or not made.counterfactual.add


def test_beside_it_stands_what_did_not_count_with_its_days() -> None:
    early = [mail(f"early{n}", f"2025-12-0{n + 1}", **CLIPPER) for n in range(2)]
    for mails, words in (
        (early[:1], "1 other message on 2025-12-01"),
        (early, "from 2025-12-01 to 2025-12-02"),
    ):
        (reason,) = explained([*mails, *bought_and_mailed()], "repeat-after-purchase").left_out
        assert words in reason.text
        assert reason.events == tuple(one["event_id"] for one in mails)


@pytest.mark.parametrize(
    ("at", "counts"), [("2026-03-08T07:59:59.999999Z", True), ("2026-03-08T08:00:00Z", False)]
)
def test_one_more_counts_until_the_window_is_over(at: str, counts: bool) -> None:
    frame = events(*(mail(f"m{n}", f"2026-03-0{n + 1}T08:00") for n in range(6)))
    ctx = context(frame, at)
    (ident,) = findings.find(frame, ctx, checks=["over-frequency"])["id"]
    until = findings.finding(frame, ctx, ident).end.counts_until
    assert until == (parse_iso("2026-03-08T08:00:00Z") if counts else None)


def test_its_acts_and_its_messages_are_named_apart() -> None:
    made = explained(bought_and_mailed(), "repeat-after-purchase")
    acts, messages = made.because[0].because
    assert (acts.events, messages.events) == (("o",), ("m0", "m1", "m2", "m3"))
    assert messages.text == "4 mails (“deals”) from 2026-02-01 to 2026-05-01"


def test_what_would_have_explained_a_message_is_a_look_at_the_same_the_day_before() -> None:
    known = [
        {"kind": kind, "at": "2025-01-01", "category": "Books", "event_id": kind}
        for kind in ("product_viewed", "order_completed")
    ]
    proof = explained(
        [*known, mail("m", "2026-01-01", category="Cars > Tyres")], "unexplained"
    ).counterfactual
    assert proof is not None
    assert [dict(one) for one in proof.add] == [
        {"kind": "product_viewed", "occurred_at": "2025-12-31T00:00:00Z", "category": "Cars > Tyres"}
    ]


def test_a_finding_that_would_come_back_for_another_reason_says_so() -> None:
    bought = {
        "event_id": "o",
        "kind": "order_completed",
        "at": "2026-02-01",
        "order_id": "c",
        "item_id": "cot",
        "category": "Baby",
    }
    closed = {
        "event_id": "r",
        "kind": "registry_closed",
        "at": "2026-04-14",
        "category": "Baby",
        "reason": "bereavement",
    }
    returned = {
        **bought,
        "event_id": "b",
        "kind": "order_refunded",
        "at": "2026-04-20",
        "reason": "bereavement",
    }
    mails = [mail(f"m{n}", f"2026-05-0{n + 1}", category="Baby") for n in range(4)]
    twice = explained([bought, closed, returned, *mails], "life-changed").counterfactual
    once = explained([bought, closed, *mails], "life-changed").counterfactual
    assert twice is not None
    assert once is not None
    assert (twice.remove, once.remove) == (("r",), ("r",))
    assert (twice.found_otherwise, once.found_otherwise) == (True, False)
    assert (twice.outcome.endswith("for another reason"), once.outcome) == (True, "this would not be found")
