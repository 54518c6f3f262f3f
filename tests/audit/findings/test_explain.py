"""Why a finding is listed, and without what it would not be."""

import pytest

from audit import findings
from audit.errors import NotFoundError
from audit.why.model import Explanation
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
    assert proof.outcome == "the check repeat-after-purchase would not find it"
    assert made.subject.type == "finding"
    assert made.standing == "derived"
    assert made.because[0].because[0].text == "bought Nail clipper on 2026-01-01 00:00"


def test_where_no_act_is_behind_it_messages_are_left_out() -> None:
    rows = [mail(f"m{n:02}", f"2026-03-{n + 1:02}T08:00") for n in range(25)]
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
    (absence,) = [one for one in made.because[0].because if one.absent]
    assert absence.absent is not None
    assert absence.absent.kinds == ("message_clicked",)


def test_a_breach_has_no_counterfactual() -> None:
    stop = {"event_id": "u", "kind": "unsubscribed", "at": "2026-01-01", "channel": "email", "country": "US"}
    made = explained([stop, mail("m", "2026-03-01", country="US")], "after-opt-out")
    assert made.counterfactual is None


def test_a_finding_that_is_not_listed_is_refused() -> None:
    frame = events(*bought_and_mailed())
    with pytest.raises(NotFoundError, match="no finding 'f_0'"):
        findings.finding(frame, context(frame), "f_0")
