"""What all checks together promise: one shape, stable ids, whole customers, hostile text, sources."""

import json
import random

import polars as pl
import pytest

from audit import findings, why
from audit.errors import NotFoundError
from audit.events import schema as canonical
from audit.findings import catalogue
from audit.rules import model
from fixtures import scenes
from tests import build
from tests.audit.findings.histories import mail, order
from tests.audit.rules.build import stopped_by


@pytest.fixture(scope="module")
def demo():
    return scenes.events()


@pytest.fixture(scope="module")
def context(demo):
    return build.context(demo)


@pytest.fixture(scope="module")
def found(demo, context):
    return findings.find(demo, context)


def test_the_frame_has_its_columns_and_one_row_an_id(found):
    assert dict(found.schema) == dict(findings.SCHEMA)
    assert found.height > 20
    assert found.select("customer", "id").is_unique().all()
    for name in findings.SCHEMA:
        if name not in ("excess", "suggested_rule", "unmasked"):
            assert found[name].null_count() == 0, name


def test_nothing_is_found_in_nothing():
    empty = canonical.empty()
    assert findings.find(empty, build.context(empty)).is_empty()
    assert findings.triage(empty, build.context(empty)).is_empty()


def test_each_customer_alone_gives_what_all_together_give(demo, context, found):
    alone = [findings.find(one, context) for one in demo.partition_by("customer_id", maintain_order=True)]
    assert pl.concat(alone).sort("customer", "id").equals(found.sort("customer", "id"))


def test_ids_stay_when_more_happens():
    nails = {"category": "Beauty > Nails"}
    rows = [order("2025-01-01", **nails), *(mail(f"2025-02-0{day}", **nails) for day in range(1, 6))]
    first, more = (
        findings.find(frame, build.context(frame), checks=["repeat-after-purchase"])
        for frame in (build.events(*rows[:4]), build.events(*rows))
    )
    assert first["count"].to_list() == [3]
    assert more["count"].to_list() == [5]
    assert first["id"].to_list() == more["id"].to_list()


def test_events_named_as_evidence_exist(demo, found):
    known = set(demo.select("customer_id", "event_id").iter_rows())
    for name in ("messages", "cause", "evidence"):
        named = found.select("customer", name).explode(name, empty_as_null=True).drop_nulls()
        assert set(named.iter_rows()) <= known


def test_a_suggested_rule_would_have_stopped_what_it_is_suggested_for(demo, context, found):
    rows = found.drop_nulls("suggested_rule").to_dicts()
    assert len({row["check"] for row in rows}) >= 9
    for row in rows:
        rule = model.from_dict(findings.rule_from_json(row["suggested_rule"]))
        own = demo.filter(pl.col("customer_id") == row["customer"])
        stopped = set(stopped_by(own, context, rule, causes=why.causes(own, context)))
        held = len(set(row["messages"]) - stopped)
        # a sunset lets the first of a row pass, and begins anew after an order
        assert held == 0 or rule.kind == "sunset", row["text"]


def test_no_verdict_is_stronger_than_its_row_of_the_catalogue(found):
    strength = {verdict: rank for rank, verdict in enumerate(catalogue.VERDICTS)}
    for row in found.select("check", "verdict").unique().iter_rows():
        assert strength[row[1]] >= strength[catalogue.row(row[0]).max_verdict]


def test_a_row_that_only_lends_its_source_makes_no_findings(demo, context):
    with pytest.raises(NotFoundError, match="after-opt-out"):
        findings.find(demo, context, checks=["OBJ-DM"])
    with pytest.raises(NotFoundError, match="no check"):
        findings.find(demo, context, checks=["nothing"])


@pytest.mark.parametrize(
    "hostile",
    ["[/]", "[@click=app.quit]x", "\x1b]52;c;eA==\x07", "$1 ${a} {about} {}", "a > [b > ", "'; --", "%s\\1"],
)
def test_hostile_names_pass_through_as_text(hostile):
    category = f"Beauty > {hostile}"
    rows = [
        order("2025-01-01", category=category, item_id=hostile, item_name=hostile, gift=True),
        *(
            mail(f"2025-02-0{day}", category=category, campaign_id=hostile, campaign_name=hostile, subject=hostile,
                 item_id=hostile, trigger=hostile, sender=hostile)
            for day in range(1, 7)
        ),
        {"kind": "products_searched", "at": "2025-01-02", "query": hostile},
        {"kind": "segment_entered", "at": "2025-01-03", "segment_id": hostile, "category": category, "topics": [hostile]},
    ]  # fmt: skip
    frame = build.events(*rows)
    made = findings.find(frame, build.context(frame))
    assert set(made["check"]) >= {"repeat-after-purchase", "shared-account"}
    for text in made.drop_nulls("suggested_rule")["suggested_rule"]:
        assert json.loads(text)["kind"]


def test_the_order_of_rows_in_the_file_does_not_matter():
    rows = [
        order("2025-01-01", category="A > B"),
        *(mail(f"2025-01-0{day}", category="A > B") for day in range(1, 9)),
    ]
    named = [row | {"event_id": f"x{number}"} for number, row in enumerate(rows)]
    shuffled = random.Random(7).sample(named, len(named))
    one, other = (
        findings.find(frame, build.context(frame))
        for frame in (build.events(*named), build.events(*shuffled))
    )
    assert one.equals(other)
