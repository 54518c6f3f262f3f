"""What `why` says of the scenes: the standing each expects of its campaigns' messages."""

from dataclasses import replace

import polars as pl
import pytest

from audit import flows, why
from audit.events.messages import messages
from audit.flows.campaign_map import fill
from audit.population import coverage, stats
from audit.privacy.role_view import RoleView
from audit.workspace.context import Context
from fixtures import demo_campaigns, demo_flows, scenes

EVENTS = fill(scenes.events().lazy(), demo_campaigns()).collect()
CONTEXT = Context(
    at=EVENTS["occurred_at"].max(),
    # Two dozen customers are all silent for weeks; in the demo the fleet around them is not.
    coverage=replace(coverage.summarize(coverage.daily(EVENTS)), gaps=()),
    facts=stats.none(),
    campaigns=demo_campaigns(),
    flows=flows.from_json(demo_flows()),
)
EXPECTED = [
    (customer, campaign, standing)
    for customer, said in scenes.expected().items()
    for campaign, standing in said.get("standing", {}).items()
]


def of(customer: str) -> pl.DataFrame:
    return EVENTS.filter(pl.col("customer_id") == customer)


def explained(customer: str, campaign: str) -> list[why.Explanation]:
    mails = messages(of(customer)).filter(pl.col("campaign_id") == campaign)
    return [why.message(of(customer), CONTEXT, one) for one in mails["event_id"]]


def sentences(reasons: tuple[why.Reason, ...]) -> str:
    return "\n".join(f"{reason.text}\n{sentences(reason.because)}" for reason in reasons)


@pytest.mark.parametrize(("customer", "campaign", "standing"), EXPECTED)
def test_every_message_of_a_scenes_campaign_has_the_standing_that_the_scene_expects(
    customer: str, campaign: str, standing: str
) -> None:
    made = explained(customer, campaign)
    assert made
    assert {one.standing for one in made} == {standing}


def test_the_nail_clipper_mails_could_come_of_the_purchase_and_nothing_ends_them() -> None:
    for one in explained("scene-01-nail-clipper", "browse-retarget-beauty"):
        assert (
            one.because[1].text == "could be: bought Nail clipper, steel on 2025-11-04 18:20 (the same item)"
        )
        assert one.because[1].events == ("o-1841",)
        assert one.until is None


def test_the_looks_at_cameras_gave_the_first_mails_and_none_after_three_weeks() -> None:
    made = explained("scene-08-looked-at-cameras", "electronics-deals")
    assert [one.standing for one in made] == ["derived"] * 2 + ["inferred"] * (len(made) - 2)


def test_the_bought_cart_contradicts_the_sender() -> None:
    for one in explained("scene-07-cart-bought", "cart"):
        assert "but the customer had already bought Headphones, over-ear on 2026-08-17 12:00" in sentences(
            one.because
        )


def test_those_swept_in_by_likeness_did_nothing_and_the_mother_did() -> None:
    (mother, *_), (father, *_) = (
        explained(f"scene-03-{who}", "little-one") for who in ("expecting-mother", "father-to-be")
    )
    assert "could be: searched for “baby names”" in sentences(mother.because)
    assert (
        "no act of the customer's own is behind the audience: nothing in this data explains it"
        in sentences(father.because)
    )


def test_an_agent_never_reads_what_the_expecting_mother_did() -> None:
    view = RoleView(names_sensitive=False)
    view.learn(of("scene-03-expecting-mother"))
    for explanation in explained("scene-03-expecting-mother", "little-one"):
        one = view.shown(explanation.document())
        told = f"{one.subject.title}\n{sentences(one.because)}".lower()
        assert not [
            word
            for word in ("pregnan", "expecting", "prenatal", "baby", "weeks", "little one")
            if word in told
        ]


def test_the_bought_segment_is_explained_by_no_event_of_ours() -> None:
    made = why.segment(of("scene-12-third-party"), CONTEXT, "in-market:autos")
    assert made.standing == "unexplained"
    assert [line for line in sentences(made.because).splitlines() if line] == [
        "the sender recorded “in-market:autos” since 2026-06-01",
        "it came from a third party, “Weitblick audience data”: put in on 2026-06-01",
        "no act of the customer's own is behind it",
    ]


def test_of_a_registry_that_was_closed_every_later_mail_says_so() -> None:
    made = explained("scene-04-bereaved-parents", "baby-news")
    said = [sentences(one.because) for one in made]
    assert (
        sum("but the customer had already closed the registry on 2026-04-14 10:05" in one for one in said)
        == 14
    )
    assert not any("cannot tell" in one for one in said)
