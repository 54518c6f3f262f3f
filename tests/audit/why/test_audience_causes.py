"""An inferred message names what sets those who got its campaign apart, with the figures; else a likeness, called weak."""

from dataclasses import replace
from datetime import timedelta

import pytest

from audit import why
from audit.population import audience_comparison, stats
from tests.audit.population.test_audience import aimed_at_parents, bought, mailed, shoppers
from tests.build import context, events


def explained(rows, person="p00", *, known=True):
    """The standing and the sentences of the first mail of `person`, and the causes of the same for all at once."""
    frame = events(*rows)
    compared = audience_comparison.count(frame.lazy())
    facts = replace(stats.none(), comparison=lambda: compared) if known else stats.none()
    own = frame.filter(customer_id=person)
    ctx = context(frame, facts=facts)
    mail = own.filter(kind="message_sent")["event_id"][0]
    made = why.message(own, ctx, mail)
    causes = why.causes(own, ctx).filter(event_id=mail)["causes"].to_list()[0]
    leaves = {name for reason in made.because if "could be" in reason.text for name in reason.leaves()}
    assert set(causes) == leaves
    return made.standing, [reason.text for reason in made.because]


def test_a_cause_is_named_with_both_shares():
    rows = [*aimed_at_parents(), *(bought(f"q{n:02}", "Baby > Food > Jars") for n in range(11))]
    rows += [bought(f"r{n:02}", "Toys") for n in range(30)]
    assert explained(rows) == (
        "inferred",
        [("could be: bought Baby > Food > Jars on 2026-01-01 00:00; 100 % of those who got it had bought "
         "Baby > Food in the 30 days before; of the others 22 %")],
    )  # fmt: skip


def test_what_recipients_have_only_as_they_buy_more_things_is_no_cause_but_that_is():
    """The eighth of `shoppers` buys 12 kinds of things with eggs among them; the tenth has cats as well."""
    many = (
        "this campaign went to those who buy many different things: in the 30 days before, half of those who got it had bought "
        "15 different kinds of things or more, half of the others 6 or more; this customer"
    )
    assert explained(shoppers(), "c007") == ("inferred", [f"{many} 12"])
    cats = "could be: bought Pets > Cats on 2026-01-01 00:00; 34 % of those who got it had bought Pets > Cats in the 30 days before"
    assert explained(shoppers(), "c009") == ("inferred", [f"{cats}; of the others 0 %"])
    for bought_by, begins in (
        ("Food > 3", "this data cannot tell"),
        ("Dairy > Eggs", "this campaign went to those who"),
    ):
        standing, texts = explained([*shoppers(), bought("c999", bought_by), mailed("c999")], "c999")
        assert (standing, texts[0].startswith(begins)) == ("cannot_tell", True)


def test_of_a_few_people_among_the_others_no_share_is_told():
    rows = [*aimed_at_parents(), *(bought(f"q{n:02}", "Baby > Food > Jars") for n in range(3))]
    (_, (text,)) = explained(rows)
    assert text.endswith("of the others fewer than 11 people")


def test_somebody_who_did_nothing_that_sets_them_apart_gets_no_cause():
    rows = [*aimed_at_parents(), bought("p99", "Garden > Tools"), mailed("p99")]
    standing, _ = explained(rows, "p99")
    assert standing in ("unexplained", "cannot_tell")


def test_what_was_sent_back_before_the_mail_is_no_cause_by_what_recipients_had_bought():
    own = bought("p99", "Baby > Food > Jars", item_id="jar", order_id="o")
    rows = [*aimed_at_parents(), own, mailed("p99")]
    assert explained(rows, "p99")[0] == "inferred"
    refund = {**own, "kind": "order_refunded", "at": own["at"] + timedelta(days=2)}
    assert explained([*rows, refund], "p99")[0] in ("unexplained", "cannot_tell")


def test_what_a_mail_has_in_common_with_an_act_is_no_cause_where_it_sets_nobody_apart():
    about = {"category": "Garden > Tools", "item_name": "Garden spade"}
    rows = [{**row, **about} if row["kind"] == "message_sent" else row for row in aimed_at_parents()]
    rows += [bought("p99", "Garden > Tools", item_name="Garden hose"), {**mailed("p99"), **about}]
    standing, _ = explained(rows, "p99")
    assert standing in ("unexplained", "cannot_tell")
    standing, (_, text) = explained(rows, "p99", known=False)
    assert (standing, text.endswith("(weak: the same category)")) == ("inferred", True)


def test_an_act_on_the_very_item_is_named_all_the_same():
    rows = [
        *aimed_at_parents(),
        bought("p99", "Garden > Tools", item_id="spade"),
        mailed("p99") | {"item_id": "spade"},
    ]
    standing, texts = explained(rows, "p99")
    assert (standing, texts[-1].endswith("(the same item)")) == ("inferred", True)


def test_the_very_item_comes_before_what_sets_recipients_apart():
    about = {"item_id": "spade", "item_name": "Spade"}
    rows = [{**row, **about} if row["kind"] == "message_sent" else row for row in aimed_at_parents()]
    rows += [bought("p00", "Garden > Tools", **about), *(bought(f"r{n:02}", "Toys") for n in range(30))]
    _, (_, first, second) = explained(rows)
    assert first.endswith("(the same item)")
    assert "of those who got it had bought Baby > Food" in second


@pytest.mark.parametrize(("others_who_got_it", "named"), [(0, True), (60, False)])
def test_beside_the_very_item_what_few_recipients_have_in_common_is_no_cause(others_who_got_it, named):
    rows = [*aimed_at_parents(), *(bought(f"r{n:02}", "Toys") for n in range(90))]
    rows += [mailed(f"r{n:02}") for n in range(others_who_got_it)]
    assert any("bought Baby > Food" in text for text in explained(rows)[1])
    about = {"item_id": "spade", "item_name": "Spade"}
    rows = [{**row, **about} if row["kind"] == "message_sent" else row for row in rows]
    _, (_, first, *more) = explained([*rows, bought("p00", "Garden > Tools", **about)])
    assert first.endswith("(the same item)")
    assert any("bought Baby > Food" in text for text in more) == named


@pytest.mark.parametrize(("names", "expected"), [(300, "cannot_tell"), (2, "inferred")])
def test_a_shared_word_counts_only_where_it_is_rare(names, expected):
    rows = [bought("a", f"Shop > {n}", item_id=f"i{n}", item_name="Luxury spade") for n in range(names)]
    frame = events(*rows, mailed("a") | {"campaign_name": "Luxury, type A, campaign 13"})
    facts = stats.count(frame.lazy())
    mail = frame.filter(kind="message_sent")["event_id"][0]
    assert why.message(frame, context(frame, facts=facts), mail).standing == expected


def test_more_than_three_causes_stand_under_one_line():
    rows = [bought("a", f"Shop > Tools > {n}", day=n, item_name=f"Spade {n}") for n in range(6)]
    frame = events(*rows, mailed("a") | {"category": "Shop > Tools"})
    made = why.message(frame, context(frame), frame.filter(kind="message_sent")["event_id"][0])
    causes = [reason for reason in made.because if "could be" in reason.text]
    assert [reason.text for reason in causes][3:] == ["3 more that could be"]
    assert len({name for reason in causes for name in reason.leaves()}) == 6
