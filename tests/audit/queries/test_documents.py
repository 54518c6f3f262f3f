"""What is asked of one customer again and again is worked out once, and answered the same."""

import polars as pl
import pytest

from audit.queries.case import Case
from fixtures import scenes
from tests.bench.populations import mapped


@pytest.mark.parametrize("number", [0, 9])
def test_why_is_answered_the_same_before_and_after_everything_that_was_decided_is_known(number: int) -> None:
    events, context = mapped(scenes.events())
    customer = events["customer_id"].unique().sort()[number]
    own = events.filter(pl.col("customer_id") == customer)
    known, asked = Case(customer, own, context), {}
    asked["segment"] = known.memberships["id"].to_list()
    asked["finding"] = known.found["id"].to_list()
    asked["item"] = known.recommended.placements["item_id"].unique(maintain_order=True).to_list()
    for subject, idents in asked.items():
        for ident in idents:
            alone = Case(customer, own, context).why(subject, ident)
            assert known.why(subject, ident).document() == alone.document()
    assert asked["segment"]
    assert asked["finding"]
