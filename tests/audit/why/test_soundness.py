"""Every counterfactual is held against what is decided without it, and with any one event of it put back."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

import pytest

from audit.queries import documents
from audit.queries.case import Case, read_case
from audit.queries.customer import CustomerPicture
from audit.workspace.workspace import Workspace
from fixtures import scenes as told
from tests.bench import decided, soundness
from tests.bench.populations import Population

PUT_BACK = 1
"""So many events of each counterfactual are put back, one at a time, chosen at random; the bench puts all back."""


@pytest.fixture(scope="module")
def ws(scenes: Path) -> Workspace:
    return Workspace.open(scenes)


def listed(shown: CustomerPicture, asked: Case) -> Iterator[tuple[str, str]]:
    """What our definitions give of one customer: type and id."""
    yield from (("segment", one.id) for one in shown.segments if one.derived)
    yield from {("item", one.item_id): None for one in shown.recommendations if one.derived}
    yield from (("finding", one.id) for one in shown.findings if one.verdict != "breach")
    mails = asked.events.filter(kind="message_sent", campaign_id="electronics-deals")
    yield from (("message", one) for one in mails["event_id"][:3])


def is_there(case: Case, type_: str, ident: str) -> bool:
    """As the contract says what `there` means, asked of what the public answers list."""
    if type_ == "message":
        return documents.explanation(case, message=ident).standing == "derived"
    if type_ == "finding":
        return ident in set(case.found["id"])
    if type_ == "segment":
        return ident in set(case.memberships.filter("derived")["id"])
    return ident in set(case.recommended.placements.filter("derived")["item_id"])


@pytest.mark.parametrize("customer", told.expected())
def test_of_a_scene_through_the_public_answers(ws: Workspace, customer: str) -> None:
    asked = read_case(ws, customer)

    @cache
    def without(left_out: frozenset[str]) -> Case:
        return read_case(ws, customer, without=left_out)

    for type_, ident in listed(documents.show(ws, customer), asked):
        made = documents.explanation(asked, **{type_: ident})
        if made.standing != "derived" and type_ == "message":
            assert made.counterfactual is None
            continue
        proof = made.counterfactual
        assert proof is not None, (type_, ident)
        removed = frozenset(proof.remove)
        assert removed or proof.add, (type_, ident)
        if removed:
            assert not is_there(without(removed), type_, ident), (type_, ident)
        for back in Random(1).sample(proof.remove, min(PUT_BACK, len(removed))):
            assert is_there(without(removed - {back}), type_, ident), (type_, ident, back)


def held(population: Population, **shares: float) -> soundness.Tally:
    """A run in which everything is sound and minimal, and whatever our definitions give has a counterfactual."""
    tally = soundness.run(population, most=PUT_BACK, **shares)
    assert tally.crashes == 0
    assert tally.faults == []
    assert tally.lacking == []
    return tally


def test_of_generated_customers_and_the_same_answer_in_another_process() -> None:
    tally = held(Population("fleet", 3, 11), alone=0.1, twice=0.05)
    assert tally.proved["segment"] > 2
    assert tally.proved["item"] > 2
    assert tally.proved["finding"] > 1
    assert tally.alone > 2
    assert tally.twice > 2


def test_of_messages_whose_log_does_not_say_why() -> None:
    tally = held(Population("unsaid", 1, 11), alone=0.0, twice=0.0)
    assert tally.proved["message"] > 2
    assert tally.added["message"] > 2


def test_what_does_not_hold_is_found() -> None:
    events, context = Population("scenes", 1, 1).made()
    person = next(decided.people(events.filter(customer_id="scene-01-nail-clipper"), context))
    assert {type_ for type_, _ in person.derived} == {"segment", "item", "finding"}
    untrue = [
        soundness.Claim(person, one, decided.Variant(), there=False)
        for one in person.decisions
        if one in person.derived
    ]
    tally = soundness.Tally()
    tally.hold(untrue, context, alone=1.0)
    assert len(tally.faults) == len(untrue) > 2
    assert tally.alone == len(untrue)
