"""Every counterfactual is held against what is decided without it, and with any one event of it put back."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from audit import answers
from audit.workspace import Workspace
from fixtures import scenes as told
from tests.bench import soundness

PUT_BACK = 2
"""So many events of each counterfactual are put back, one at a time, chosen at random."""


@pytest.fixture(scope="module")
def ws(scenes: Path) -> Workspace:
    return Workspace.open(scenes)


def decided(shown: dict[str, Any], ws: Workspace, customer: str) -> Iterator[tuple[str, str]]:
    """What our definitions give of one customer: type and id."""
    yield from (("segment", one["id"]) for one in shown["segments"] if one["derived"])
    yield from {("item", one["item_id"]): None for one in shown["recommendations"] if one["derived"]}
    yield from (("finding", one["id"]) for one in shown["findings"] if one["verdict"] != "breach")
    asked = answers.case(ws, customer)
    mails = asked.events.filter(kind="message_sent", campaign_id="electronics-deals")
    yield from (("message", one) for one in mails["event_id"][:3])


def is_there(ws: Workspace, customer: str, type_: str, ident: str, left_out: set[str]) -> bool:
    """As the contract says what `there` means, asked of the public answers."""
    if type_ == "message":
        return answers.explain(ws, customer, message=ident, without=left_out)["standing"] == "derived"
    if type_ == "finding":
        return ident in {one["id"] for one in answers.audit(ws, customer, without=left_out)["findings"]}
    shown = answers.picture(answers.case(ws, customer, without=left_out), strips=type_ == "item")
    if type_ == "segment":
        return ident in {one["id"] for one in shown["segments"] if one["derived"]}
    return ident in {one["item_id"] for one in shown["recommendations"] if one["derived"]}


@pytest.mark.parametrize("customer", told.expected())
def test_of_a_scene_through_the_public_answers(ws: Workspace, customer: str) -> None:
    shown = answers.show(ws, customer)
    for type_, ident in decided(shown, ws, customer):
        made = answers.explain(ws, customer, **{type_: ident})
        if made["standing"] != "derived" and type_ == "message":
            assert made["counterfactual"] is None
            continue
        proof = made["counterfactual"]
        assert proof is not None, (type_, ident)
        removed = proof["remove"]
        assert removed or proof["add"], (type_, ident)
        if removed:
            assert not is_there(ws, customer, type_, ident, set(removed)), (type_, ident)
        for back in Random(1).sample(removed, min(PUT_BACK, len(removed))):
            assert is_there(ws, customer, type_, ident, set(removed) - {back}), (type_, ident, back)


def test_of_generated_customers_and_the_same_answer_twice() -> None:
    events, context = soundness.of_fleet(3, 11)
    tally = soundness.run(events, context, most=PUT_BACK)
    assert tally.crashes == 0
    assert tally.faults == []
    assert tally.proved["segment"] > 2
    assert tally.proved["finding"] > 1
