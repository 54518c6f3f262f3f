"""Mail about goods beside what was bought: a weaker case of mail about what was bought."""

import pytest

from audit import findings
from tests.audit.findings.histories import act, found, mail, order

CLIPPER = order("2026-01-01", item_id="clipper", category="Beauty > Nails > Clippers")


def _mails(category: str, number: int = 5, **columns) -> list[dict]:
    return [mail(f"2026-01-{day:02}", category=category, **columns) for day in range(3, 3 + 3 * number, 3)]


@pytest.mark.parametrize("category", ["Beauty > Nails", "Beauty > Nails > Files"])
def test_the_category_above_and_those_beside_it_count_from_five_on(category):
    assert found("repeat-after-purchase", CLIPPER, *_mails(category, 4)) == []
    (finding,) = found("repeat-after-purchase", CLIPPER, *_mails(category))
    assert (
        finding["text"]
        == "5 mails about nails (Beauty) since something of the kind was bought on 2026-01-01."
    )
    assert (finding["case"], finding["subject"], finding["severity"]) == ("kindred", "Beauty > Nails", "low")
    rule = findings.rule_from_json(finding["suggested_rule"])
    assert (rule["categories"], rule["same"], rule["depth"]) == (["Beauty > Nails"], "category", 2)


@pytest.mark.parametrize("category", ["Beauty", "Beauty > Hair > Brushes", "Garden > Nails > Files"])
def test_a_department_and_what_lies_elsewhere_do_not(category):
    assert found("repeat-after-purchase", CLIPPER, *_mails(category)) == []


def test_a_letter_to_everybody_on_a_list_does_not():
    assert found("repeat-after-purchase", CLIPPER, *_mails("Beauty > Nails", list_id="news")) == []


@pytest.mark.parametrize(("trigger", "number"), [("cart_abandoned", 0), ("birthday", 0), ("cross_sell", 1)])
def test_mail_that_another_act_set_off_does_not(trigger, number):
    made = found("repeat-after-purchase", CLIPPER, *_mails("Beauty > Nails", trigger=trigger))
    assert len(made) == number


def test_mail_about_the_thing_itself_is_the_stronger_case():
    rows = [CLIPPER, *_mails("Beauty > Nails > Clippers", 3), *_mails("Beauty > Nails > Files")]
    made = found("repeat-after-purchase", *rows)
    assert [(row["case"], row["count"]) for row in made] == [("category", 3), ("kindred", 5)]


def test_what_was_sent_back_has_nothing_beside_it():
    back = act("order_refunded", "2026-01-02", item_id="clipper")
    assert found("repeat-after-purchase", CLIPPER, back, *_mails("Beauty > Nails")) == []
