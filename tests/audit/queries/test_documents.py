"""What is asked of one customer again and again is worked out once, and answered the same."""

from pathlib import Path

import polars as pl
import pytest

from audit import why
from audit.errors import InputError
from audit.population import audience_comparison
from audit.privacy.role_view import RoleView
from audit.queries import audience, customer, documents, locales
from audit.queries.case import Case, read_case
from audit.workspace.workspace import Workspace
from fixtures import scenes as told
from tests.audit.population.test_audience import mailed
from tests.bench.populations import mapped
from tests.build import events as built


@pytest.mark.parametrize("number", [0, 9])
def test_why_is_answered_the_same_before_and_after_everything_that_was_decided_is_known(number: int) -> None:
    events, context = mapped(told.events())
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


def test_a_note_and_a_letter_in_each_language_are_made_of_explanations_worked_out_once(
    scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ws = Workspace.open(scenes)
    case = read_case(ws, "scene-12-third-party")
    apart = {
        (kind, locale): documents.report(ws, case.customer, kind=kind, locale=locale)
        for kind in ("internal", "reply")
        for locale in locales.of_kind(kind)
    }
    asked: list[str] = []
    monkeypatch.setattr(
        why,
        "message",
        lambda *about, message=why.message, **told: asked.append(about[2]) or message(*about, **told),
    )
    together = {
        (kind, locale): documents.written(case, ws, kind=kind, locale=locale) for kind, locale in apart
    }
    assert together == apart
    assert sorted(asked) == sorted(set(asked))
    assert asked


def test_of_two_campaigns_of_one_name_the_ids_are_asked_for() -> None:
    sent = [{**mailed(f"c{n}", campaign), "campaign_name": "Sale"} for n, campaign in enumerate(("s1", "s2"))]
    known, view = audience_comparison.count(built(*sent).lazy()), RoleView(names_sensitive=True, key="k")
    assert audience._campaign(known, view, "s2")["campaign"] == "s2"
    with pytest.raises(InputError, match="2 campaigns have that name; name one of: s1, s2"):
        audience._campaign(known, view, "Sale")


def test_of_one_recipient_nothing_is_told_apart() -> None:
    row = {"recipients": 1, "others": 648}
    assert audience._outcome(row, told=0, withheld=0) == "few_recipients"
    assert audience._outcome({**row, "recipients": 11}, told=0, withheld=0) == "nothing"


def test_what_machines_alone_opened_is_counted_apart_from_what_people_opened() -> None:
    sent = [{**mailed("c"), "message_id": f"m{number}"} for number in (1, 2, 3)]
    opened = [
        {**message, "kind": "message_opened", "machine": machine}
        for message, machine in ((sent[0], True), (sent[0], False), (sent[1], True), (sent[2], False))
    ]
    counts = customer.message_counts(built(*sent, *opened))
    assert (counts.sent, counts.opened, counts.machine_opened) == (3, 2, 1)


def test_what_comes_on_paper_is_answered_and_not_clicked() -> None:
    sent = [
        {**mailed("c"), "message_id": f"m{n}", "channel": channel}
        for n, channel in enumerate(("mail", "email", "mail"))
    ]
    answers = [{**message, "kind": "message_clicked"} for message in sent[:2]]
    counts = customer.message_counts(built(*sent, *answers))
    assert (counts.sent, counts.clicked, counts.answered) == (3, 1, 1)
