"""A campaign that mostly people with something sensitive in common got is a finding of each who has it."""

from dataclasses import replace

import polars as pl
import pytest

from audit import findings
from audit.findings import registry
from audit.findings.check_context import CheckContext
from audit.population import audience_comparison, stats
from audit.privacy.role_view import MARK, RoleView
from audit.privacy.roles import Role, Viewer
from tests.audit.population.test_audience import bought, mailed
from tests.build import context, events

CARE = "Drugstore > Pregnancy tests"


def checked(rows):
    """The events, what is known beside them, and what is found."""
    frame = events(*rows)
    compared = audience_comparison.count(frame.lazy())
    known = context(frame, facts=replace(stats.none(), comparison=lambda: compared))
    return frame, known, findings.find(frame, known, checks=["sensitive-audience"])


def found(rows):
    return checked(rows)[2]


def aimed(category, number=20):
    rows = [bought(f"p{n:02}", category) for n in range(number)]
    rows += [bought(f"q{n:02}", "Garden > Tools") for n in range(number)]
    return [*rows, *(mailed(f"p{n:02}") for n in range(number)), mailed("q00")]


def test_who_has_it_and_got_the_mail_is_found_with_the_path_and_the_head_count():
    rows = found(aimed(CARE))
    assert rows["customer"].to_list() == [f"p{n:02}" for n in range(20)]
    first = rows.row(0, named=True)
    assert (first["subject"], first["verdict"], first["count"]) == ("m", "risk", 1)
    assert first["text"] == (
        'The 21 recipients of "m" are set apart by pregnancy: 1 act of this customer’s own, then 1 mail.'
    )
    assert len(first["cause"]) == 1
    assert first["evidence"] == [*first["cause"], *first["messages"]]


def test_an_entry_into_a_segment_is_no_act_of_the_customers_own():
    def entered(person):
        return {
            **bought(person, None),
            "kind": "segment_entered",
            "segment_id": "pregnant",
            "source": "inferred",
        }

    rows = [entered(f"p{n:02}") for n in range(20)] + [
        bought(f"q{n:02}", "Garden > Tools") for n in range(20)
    ]
    told = found([*rows, *(mailed(f"p{n:02}") for n in range(20))])["text"].unique().to_list()
    assert told == [
        'The 20 recipients of "m" are set apart by pregnancy: 1 segment entry of the sender’s own, then 1 mail.'
    ]


def test_what_is_not_sensitive_or_sets_nobody_apart_is_none():
    assert found(aimed("Baby > Food")).is_empty()
    assert found(aimed(CARE, 6)).is_empty()
    assert found([bought("a", CARE), mailed("a")]).is_empty()


def test_somebody_whom_something_likelier_explains_that_is_not_sensitive_is_none():
    """Most have bought creams and then care; of those without creams all have bought care: for these it is the topic."""
    rows = [bought(f"p{n:02}", "Beauty > Creams") for n in range(30)]
    rows += [bought(f"p{n:02}", CARE) for n in range(15, 45)]
    rows += [bought(f"q{n:03}", "Garden > Tools") for n in range(80)] + [
        bought(f"q{n:03}", CARE) for n in range(3)
    ]
    told = found([*rows, *(mailed(f"p{n:02}") for n in range(45))])
    assert told["customer"].to_list() == [f"p{n:02}" for n in range(30, 45)]


def test_its_explanation_has_the_figures_and_a_rule_asks_for_consent():
    frame, known, rows = checked(aimed(CARE))
    own = frame.filter(customer_id="p03")
    row = rows.row(by_predicate=pl.col("customer") == "p03", named=True)
    explained = findings.finding(own, known, row["id"])
    figures = explained.because[0].because[-1]
    assert (
        figures.text == f"95 % of those who got it had bought {CARE} in the 30 days before; of the others 0 %"
    )
    assert figures.facts.audience.sensitive
    assert explained.counterfactual.remove == tuple(row["cause"])
    rule = findings.rule_from_json(row["suggested_rule"])
    assert (rule["kind"], rule["campaigns"]) == ("sensitive", ["m"])


@pytest.mark.parametrize(("topics", "count"), [(["pregnancy"], 19), (["health"], 20)])
def test_a_consent_that_names_the_topic_takes_a_message_out(topics, count):
    agreed = {**bought("p00", None, 10), "kind": "consent_given", "topics": topics}
    assert found([*aimed(CARE), agreed]).height == count


def test_a_message_before_any_such_act_is_told_as_not_counted():
    early = mailed("p00", day=-1) | {"event_id": "early"}
    frame, known, rows = checked([*aimed(CARE), early, bought("p00", "Garden > Tools", -9)])
    row = rows.row(by_predicate=pl.col("customer") == "p00", named=True)
    own = CheckContext(frame.filter(customer_id="p00"), known)
    (left_out,) = registry.check("sensitive-audience").excluded_events(own, row)
    assert set(left_out.events["event_id"]) - set(row["messages"]) == {"early"}


def test_each_role_is_told_what_it_may_know():
    frame, _, rows = checked(aimed(CARE))
    told = {role: RoleView(names_sensitive=Viewer(role).names_sensitive) for role in Role}
    for view in told.values():
        view.learn(frame)
    texts = {role: view.shown(rows)["text"][0] for role, view in told.items()}
    assert texts[Role.REVIEWER] == rows["text"][0]
    assert texts[Role.AGENT] == texts[Role.OPERATOR] == rows["text"][0].replace("pregnancy", MARK)
