"""The six standings of a message, in the words of the design."""

from typing import Any

import polars as pl
import pytest

from audit import why
from audit.errors import NotFoundError
from audit.flows.campaign_map import SCHEMA as CAMPAIGNS
from audit.privacy.role_view import MARK, RoleView
from audit.why import Explanation
from tests.build import context, events

CAMERA = {"item_id": "x100", "item_name": "Camera X100", "category": "Electronics > Cameras > Compact"}
MAIL = {
    "kind": "message_sent",
    "event_id": "m",
    "message_id": "msg-1",
    "channel": "email",
    "campaign_id": "deals",
}
COVER = [
    {"event_id": "old-view", "kind": "product_viewed", "at": "2025-06-01T00:00", "customer_id": "c_2"},
    {"event_id": "old-order", "kind": "order_completed", "at": "2025-06-01T00:00", "customer_id": "c_2"},
    {"event_id": "old-cart", "kind": "product_added", "at": "2025-06-01T00:00", "customer_id": "c_2"},
    {"event_id": "old-pay", "kind": "checkout_started", "at": "2025-06-01T00:00", "customer_id": "c_2"},
]
"""Another customer's old acts: the data holds these kinds from then on."""


def explained(*rows: dict[str, Any], trigger: str | None = None, covered: bool = True) -> Explanation:
    """Explain message `m` of `rows`; `trigger`: what the campaign map says of the campaign `deals`."""
    frame = events(*rows)
    everybody = events(*rows, *(COVER if covered else []))
    mapped = [] if trigger is None else [{"campaign_id": "deals", "trigger": trigger}]
    campaigns = pl.DataFrame(mapped, schema=CAMPAIGNS)
    return why.message(frame, context(everybody, "2026-03-20", campaigns=campaigns), "m")


def told_to_an_agent(explanation: Explanation, *rows: dict[str, Any]) -> why.WhyDocument:
    """An explanation of something in `rows` as it is told to somebody who is not told sensitive topics."""
    view = RoleView(names_sensitive=False)
    view.learn(events(*rows))
    return view.shown(explanation.document())


def texts(reasons: tuple[why.Reason, ...]) -> list[str]:
    return [text for reason in reasons for text in (reason.text, *texts(reason.because))]


CARTED = {"kind": "product_added", "event_id": "cart", "at": "2026-03-01T09:12", **CAMERA}
VIEWED = {"kind": "product_viewed", "event_id": "view", "at": "2026-03-01T09:12", **CAMERA}


def test_a_first_level_in_common_and_words_of_every_label_are_no_cause() -> None:
    def bought(name: str, category: str, event_id: str) -> dict[str, Any]:
        item = {"item_id": event_id, "item_name": name, "category": category}
        return {"kind": "order_completed", "at": "2026-03-02T12:00", "event_id": event_id, **item}

    cigarettes = bought("CIGARETTES", "DRUG GM > CIGARETTES", "smoke")
    cakes = bought("FROZEN CAKES/ALL TYPES INCLUDI, 17 OZ", "FROZEN > CAKES", "cake")
    baby_food = {**MAIL, "at": "2026-03-07T12:00", "category": "DRUG GM > BABY FOODS", "campaign_name": "B 5"}
    assert explained(cigarettes, cakes, baby_food).standing == "unexplained"
    named = {**MAIL, "at": "2026-03-07T12:00", "campaign_name": "Type A, campaign 13"}
    assert "nothing says what it is about" in str(texts(explained(cakes, named).because))


@pytest.mark.parametrize(
    ("category", "item", "standing"),
    [("Drugstore > Care > Wipes", None, "unexplained"), (None, "y", "inferred")],
)
def test_a_health_good_is_no_guess_and_stays_where_the_message_is_about_it(category, item, standing) -> None:
    treatment = {"item_id": "y", "item_name": "YEAST TREATMENTS", "category": "Drugstore > Care > Treatments"}
    bought = {"kind": "order_completed", "at": "2026-03-02T12:00", "event_id": "cure", **treatment}
    sent = {**MAIL, "at": "2026-03-07T12:00", "category": category, "item_id": item, "subject": "Treatments"}
    assert explained(bought, sent).standing == standing


def test_a_cart_whose_order_was_cancelled_is_open_again() -> None:
    bought = {"kind": "order_completed", "at": "2026-03-01T10:00", "order_id": "1", **CAMERA}
    undone = {
        "kind": "order_cancelled",
        "at": "2026-03-01T11:00",
        "order_id": "1",
        "event_id": "undo",
        **CAMERA,
    }
    sent = {**MAIL, "at": "2026-03-01T15:00", **CAMERA}
    made = explained(CARTED, bought, undone, {**sent, "trigger": "cart_abandoned"})
    assert texts(made.because)[1:] == [
        "the sender recorded: “cart_abandoned”, and that fits",
        "put Camera X100 into the cart on 2026-03-01 09:12",
        (
            "no orders or removals from the cart of Camera X100 after that, until this message, "
            "but for what was refunded or cancelled"
        ),
    ]
    assert "had already bought" in str(texts(explained(CARTED, bought, {**sent, "trigger": "cart"}).because))
    derived = explained(CARTED, bought, undone, sent, trigger="cart")
    assert derived.standing == "derived"
    assert derived.counterfactual is not None
    assert len(derived.counterfactual.remove) == 1


def test_stated_quotes_the_sender_and_names_the_acts_that_bear_it_out() -> None:
    made = explained(CARTED, {**MAIL, "at": "2026-03-01T15:00", "trigger": "cart_abandoned", **CAMERA})
    assert made.standing == "stated"
    assert texts(made.because) == [
        "it is about Camera X100",
        "the sender recorded: “cart_abandoned”, and that fits",
        "put Camera X100 into the cart on 2026-03-01 09:12",
        "no orders or removals from the cart of Camera X100 after that, until this message",
    ]
    assert made.evidence == ("cart",)
    assert made.counterfactual is None


def test_stated_is_contradicted_where_the_cart_was_already_bought() -> None:
    bought = {"kind": "order_completed", "event_id": "order", "at": "2026-03-01T12:00", **CAMERA}
    made = explained(
        CARTED, bought, {**MAIL, "at": "2026-03-01T15:00", "trigger": "Abandoned Cart", **CAMERA}
    )
    assert (
        "the sender recorded: “Abandoned Cart”, but the customer had already bought Camera X100 on 2026-03-01 12:00, "
        "before this message"
    ) in texts(made.because)
    assert made.evidence == ("cart", "order")


def test_a_cart_that_was_bought_long_ago_is_no_open_cart_whatever_the_data_lacks() -> None:
    """The act is too old to count, and no checkouts are known: that the cart was bought is what there is to say."""
    bought = {"kind": "order_completed", "event_id": "order", "at": "2026-03-02T12:00", **CAMERA}
    late = {**MAIL, "at": "2026-03-10T15:00", "trigger": "cart", **CAMERA}
    made = explained(CARTED, bought, late, covered=False)
    assert "but the customer had already bought Camera X100 on 2026-03-02 12:00" in str(texts(made.because))
    assert made.evidence == ("order",)
    again = {**CARTED, "at": "2026-03-02T13:00", "event_id": "again"}
    assert "had already" not in str(texts(explained(CARTED, bought, again, late, covered=False).because))


def test_stated_without_any_such_act_says_so_only_where_the_data_would_hold_it() -> None:
    mail = {**MAIL, "at": "2026-03-10T15:00", "trigger": "cart", **CAMERA}
    assert "the sender recorded: “cart”, but no such act in the 7 days before it" in texts(
        explained(mail).because
    )
    outside = texts(explained(mail, covered=False).because)
    assert "the sender recorded: “cart”, this data cannot tell: it holds no carts or checkouts" in outside


def test_an_act_too_old_to_have_set_it_off_is_left_out_in_one_line_and_only_where_nothing_newer_did() -> None:
    mail = {**MAIL, "at": "2026-03-20T15:00", "trigger": "cart", **CAMERA}
    carts = [{**CARTED, "at": f"2026-03-0{day}", "event_id": f"cart-{day}"} for day in (1, 2)]
    (old,) = explained(*carts, mail).left_out
    assert old.text == (
        "put Camera X100 into the cart, 2 times, last on 2026-03-02 00:00: too long before this message, by its definition"
    )
    newer = {**CARTED, "at": "2026-03-20T11:00", "event_id": "newer"}
    assert explained(*carts, newer, mail).left_out == ()


def test_a_stated_reason_that_we_do_not_define_is_quoted_and_not_checked() -> None:
    made = explained({**MAIL, "at": "2026-03-10T15:00", "trigger": "moon_phase"})
    assert made.standing == "stated"
    assert texts(made.because) == [
        "the sender recorded: “moon_phase”; we have no definition of that, so it is quoted and not checked"
    ]


def test_an_audience_that_the_sender_names_is_stated_and_traced_to_who_made_it() -> None:
    entered = {
        "kind": "segment_entered", "event_id": "in", "at": "2026-03-01", "segment_id": "autos", "source": "third_party",
    }  # fmt: skip
    made = explained(entered, {**MAIL, "at": "2026-03-10", "segment_id": "autos", "topics": ["cars"]})
    assert texts(made.because)[1:] == [
        "the sender recorded: “segment:autos”, and that fits",
        "was put into the segment “autos” on 2026-03-01 00:00",
        "no leaving of the segment “autos” after that, until this message",
        "it came from a third party",
        "no act of the customer's own is behind the audience: nothing in this data explains it",
    ]


def test_derived_is_what_the_maps_trigger_gives_and_carries_its_counterfactual() -> None:
    made = explained(VIEWED, {**MAIL, "at": "2026-03-10T15:00", **CAMERA}, trigger="browse")
    assert made.standing == "derived"
    assert texts(made.because)[1:] == [
        "our definition gives it: “looked at it”",
        "viewed Camera X100 on 2026-03-01 09:12",
        "no orders of Camera X100 after that, until this message",
    ]
    assert made.document().to_json()["until"] == "2026-03-22T09:12:00Z"
    proof = made.counterfactual
    assert proof is not None
    assert (proof.remove, proof.smallest, proof.method) == (("view",), True, "exact")
    assert proof.add[0]["kind"] == "order_completed"
    assert proof.outcome == "our definition “looked at it” would not have given this message"


def test_what_ended_the_trigger_leaves_only_what_could_be() -> None:
    bought = {"kind": "order_completed", "event_id": "order", "at": "2026-03-05T12:00", **CAMERA}
    made = explained(VIEWED, bought, {**MAIL, "at": "2026-03-10T15:00", **CAMERA}, trigger="browse")
    assert made.standing == "inferred"
    assert texts(made.because)[1:] == [
        "our definition “looked at it” does not give it: the customer had already bought Camera X100 on 2026-03-05 12:00, before this message",
        "could be: bought Camera X100 on 2026-03-05 12:00 (the same item)",
        "could be: viewed Camera X100 on 2026-03-01 09:12 (the same item)",
    ]
    assert made.counterfactual is None
    assert made.until is None


@pytest.mark.parametrize(("hour", "standing"), [("09:12:00", "inferred"), ("09:11:59", "derived")])
def test_the_window_of_a_definition_is_half_open(hour: str, standing: str) -> None:
    made = explained(VIEWED, {**MAIL, "at": f"2026-03-22T{hour}", **CAMERA}, trigger="browse")
    assert made.standing == standing


def test_an_act_at_the_same_instant_counts_by_event_id() -> None:
    mail = {**MAIL, "at": VIEWED["at"], **CAMERA}
    assert explained({**VIEWED, "event_id": "l"}, mail, trigger="browse").standing == "derived"
    assert explained({**VIEWED, "event_id": "n"}, mail, trigger="browse").standing == "unexplained"


def test_win_back_rests_on_nothing_having_been_bought() -> None:
    order = {"kind": "order_completed", "event_id": "order", "at": "2025-12-01", **CAMERA}
    made = explained(order, {**MAIL, "at": "2026-03-10"}, trigger="lapsed")
    assert made.standing == "derived"
    leaf = made.because[-1].because[-1]
    assert leaf.text == "no orders since 2025-12-01"
    assert leaf.absent is not None
    assert leaf.absent.kinds == ("order_completed",)
    assert made.counterfactual is not None
    assert made.counterfactual.add[0]["kind"] == "order_completed"
    again = {**order, "event_id": "again", "at": "2026-03-01"}
    assert explained(order, again, {**MAIL, "at": "2026-03-10"}, trigger="lapsed").standing != "derived"


def test_a_win_back_beyond_the_end_of_the_orders_cannot_be_told() -> None:
    order = {"kind": "order_completed", "event_id": "order", "at": "2025-12-01", **CAMERA}
    mail = {**MAIL, "at": "2026-03-10", "source_name": "mail log"}
    mapped = explained(order, mail, trigger="lapsed", covered=False)
    assert mapped.standing == "cannot_tell"
    (told,) = texts(mapped.because)
    assert told.endswith("gives it, this data cannot tell: its orders end on 2025-12-01")
    stated = explained(order, {**mail, "trigger": "win_back"}, covered=False)
    (reason,) = (reason for reason in stated.because if reason.facts and reason.facts.trigger == "win_back")
    assert reason.facts is not None
    assert reason.facts.fits == "unknown"
    assert "whether that fits, this data cannot tell: its orders end on 2025-12-01" in reason.text
    assert stated.reconstruction is not None
    assert [one.holds for one in stated.reconstruction.conditions if one.condition == "quiet"] == [None]
    for made in (mapped, stated):
        assert not [text for text in texts(made.because) if text.startswith("no orders")]


def test_what_did_not_come_after_a_cart_is_said_up_to_where_the_orders_end() -> None:
    order = {"kind": "order_completed", "event_id": "order", "at": "2026-03-01T10:00", "item_id": "other"}
    mail = {**MAIL, "at": "2026-03-07", "trigger": "cart", "source_name": "mail log", **CAMERA}
    later = {**mail, "at": "2026-03-20", "event_id": "later", "message_id": "msg-2"}
    with_orders = str(texts(explained(order, CARTED, mail, later, covered=False).because))
    said = "of Camera X100 after that, until 2026-03-01; its orders end on 2026-03-01"
    assert said in with_orders
    made = explained(CARTED, mail, later, covered=False)
    told = [one.facts.covered for one in made.because[-1].because if one.facts and "cannot tell" in one.text]
    assert told == [False], "no language says that nothing came"
    without_orders = str(texts(made.because))
    assert "this data cannot tell: it holds no orders" in without_orders
    assert "after that, until" not in without_orders


def test_inferred_lists_every_candidate_closest_first_then_newest() -> None:
    files = {"item_id": "files", "item_name": "Nail files", "category": "Beauty > Nails > Files"}
    clipper = {"item_id": "clip", "item_name": "Nail clipper", "category": "Beauty > Nails > Clippers"}
    made = explained(
        {"kind": "order_completed", "event_id": "o", "at": "2026-01-01", **clipper},
        {"kind": "product_viewed", "event_id": "v1", "at": "2026-02-01", **files},
        {"kind": "product_viewed", "event_id": "v2", "at": "2026-02-02", **files},
        {"kind": "products_searched", "event_id": "q", "at": "2026-02-03", "query": "clippers for cats"},
        {"kind": "product_viewed", "event_id": "far", "at": "2026-02-04", **CAMERA},
        {**MAIL, "at": "2026-03-10", **clipper},
    )
    assert made.standing == "inferred"
    assert texts(made.because)[1:] == [
        "could be: bought Nail clipper on 2026-01-01 00:00 (the same item)",
        "could be: viewed Nail files, 2 times, last on 2026-02-02 00:00 (weak: a category close to it)",
        "could be: searched for “clippers for cats” on 2026-02-03 00:00 (weak: words of it)",
    ]
    assert made.evidence == ("o", "v2", "v1", "q")


def test_broadcast_names_the_list_and_since_when() -> None:
    joined = {
        "kind": "subscribed",
        "event_id": "s",
        "at": "2025-12-27",
        "list_id": "specials",
        "channel": "email",
    }
    mail = {**MAIL, "at": "2026-03-10", "list_id": "specials"}
    made = explained(joined, mail)
    assert made.standing == "broadcast"
    assert texts(made.because) == ["on this list from 2025-12-27 on: “specials”"]
    assert made.evidence == ("s",)
    other = explained({**joined, "list_id": "another"}, mail)
    assert texts(other.because) == [
        "it went to this list: “specials”; since when is not in this data: the data begins in 2025-12 (2025-12-27)"
    ]


def test_broadcast_after_a_no_says_that_the_customer_had_left() -> None:
    joined = {"kind": "subscribed", "event_id": "s", "at": "2025-12-27", "list_id": "specials"}
    left = {"kind": "unsubscribed", "event_id": "u", "at": "2026-02-01", "channel": "email"}
    made = explained(joined, left, {**MAIL, "at": "2026-03-10", "list_id": "specials"})
    assert texts(made.because) == [
        "signed up on 2025-12-27: “specials”",
        "but the customer had unsubscribed on 2026-02-01 00:00, before this message",
    ]


def test_unexplained_is_said_only_where_the_data_would_hold_the_cause() -> None:
    mail = {**MAIL, "at": "2026-03-10", "category": "Films > DVD"}
    made = explained(mail)
    assert made.standing == "unexplained"
    assert texts(made.because)[-1] == "nothing in this data explains it"
    assert made.because[-1].absent is not None
    late = [{**row, "at": "2026-01-15"} for row in COVER]
    frame = events(mail)
    outside = why.message(frame, context(events(mail, *late), "2026-03-20"), "m")
    assert texts(outside.because)[-1] == "this data cannot tell: the data begins in 2026-01 (2026-01-15)"


def test_a_campaign_of_which_nothing_is_known_asks_for_the_map() -> None:
    made = explained({**MAIL, "at": "2026-03-10"})
    assert texts(made.because)[-1] == (
        "this data cannot tell: nothing says what it is about; the campaign map can"
    )


def test_a_sensitive_topic_is_named_to_a_reviewer_and_not_to_an_agent() -> None:
    searched = {
        "kind": "products_searched",
        "event_id": "q",
        "at": "2026-03-01",
        "query": "prenatal vitamins",
    }
    mail = {**MAIL, "at": "2026-03-10", "subject": "For the two of you", "topics": ["pregnancy"]}
    rows = ({**searched, "topics": ["pregnancy"]}, mail)
    reviewer = explained(*rows)
    agent = told_to_an_agent(reviewer, *rows)
    seen = " ".join([agent.subject.title, *texts(agent.because)])
    assert "prenatal" not in seen
    assert "pregnan" not in seen
    assert "two of you" not in seen
    assert "hand to privacy" in seen
    assert "could be: searched for “prenatal vitamins” on 2026-03-01 00:00 (weak: a shared topic)" in texts(
        reviewer.because
    )
    assert any(reason.facts and reason.facts.hand_over for reason in agent.because)


def test_a_changed_life_is_said_beside_every_standing() -> None:
    died = {"kind": "customer_deceased", "event_id": "d", "at": "2026-03-05"}
    mail = {**MAIL, "at": "2026-03-10", **CAMERA}
    reviewer = explained(died, mail)
    agent = told_to_an_agent(reviewer, died, mail)
    changed = "the customer's life has changed on 2026-03-05, before this message; hand to privacy"
    assert texts(agent.because)[-2:] == [changed, MARK]
    assert texts(reviewer.because)[-2:] == [changed, "the customer died"]


def test_a_message_is_found_by_message_id_and_by_any_of_its_events() -> None:
    click = {**MAIL, "kind": "message_clicked", "event_id": "k", "at": "2026-03-10T16:00"}
    frame = events(VIEWED, {**MAIL, "at": "2026-03-10T15:00"}, click)
    ctx = context(frame)
    assert {why.message(frame, ctx, ident).subject.id for ident in ("m", "k", "msg-1")} == {"m"}
    for ident in ("view", "nothing"):
        with pytest.raises(NotFoundError, match="no message"):
            why.message(frame, ctx, ident)


def test_the_document_has_the_fields_that_scripts_read() -> None:
    made = (
        explained(VIEWED, {**MAIL, "at": "2026-03-10T15:00", **CAMERA, "subject": "Deals"}, trigger="browse")
        .document()
        .to_json()
    )
    assert made["schema"] == "whysent.why/1"
    assert made["subject"] == {"type": "message", "id": "m", "title": "Deals", "at": "2026-03-10T15:00:00Z"}
    assert set(made) == {
        "schema", "customer", "at", "subject", "standing", "until", "because", "evidence", "counterfactual", "rules",
        "reconstruction", "left_out", "until_why", "until_basis", "until_text", "ends_with", "counts_until", "covered_by", "none_since", "known_until", "known_gaps",
        "none_of", "last_came", "known_at",
    }  # fmt: skip
    assert set(made["counterfactual"]) == {
        "remove", "add", "outcome", "minimal", "smallest", "method", "enough", "found_otherwise", "limit", "needed", "tested", "tried",
        "besides", "instead", "removed", "everything",
        }  # fmt: skip
    assert all({"text", "events", "absent", "because"} <= set(reason) for reason in made["because"])
