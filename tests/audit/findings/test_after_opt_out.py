"""Messages after a no, told apart."""

import json
from datetime import date

import pytest
from msgspec.structs import replace

from audit.events.times import parse_iso
from audit.findings import catalogue
from audit.findings.checks import after_opt_out
from tests.audit.findings.histories import act, found, mail
from tests.build import events


def _no(at="2026-06-10T14:00", **columns):
    return act("unsubscribed", at, **{"channel": "email", **columns})


def _one(*rows):
    (finding,) = found("after-opt-out", *rows)
    return finding["case"], finding["verdict"], finding["severity"], tuple(finding["sources"])


US, GDPR, INDUSTRY = (
    "15 USC 7704(a)(4)(A)(i)",
    "GDPR 21(2)-(3)",
    "Gmail and Yahoo bulk sender rules: 48 hours",
)


# 10 June 2026 is a Wednesday; Juneteenth (Friday 19 June) is no business day: the tenth is Thursday 25 June.
@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-06-10T15:00", ("within_grace", "risk", "low")),
        ("2026-06-25T23:59", ("within_grace", "risk", "low")),
        ("2026-06-26T09:59", ("within_grace", "risk", "low")),  # still 25 June in Hawaii
        ("2026-06-26T10:00", ("breach", "breach", "high")),
    ],
)
def test_in_the_us_ten_business_days_pass_before_a_breach(at, expected):
    assert _one(_no(), mail(at, country="US")) == (*expected, (US,))


def test_an_opt_out_at_the_weekend_counts_from_monday():
    saturday = _no("2026-08-01T12:00")
    assert _one(saturday, mail("2026-08-14T20:00", country="US"))[0] == "within_grace"
    assert _one(saturday, mail("2026-08-15T12:00", country="US"))[0] == "breach"


def test_outside_the_calendar_no_law_is_cited_as_broken_before_it_was_in_force():
    assert _one(_no("2003-06-10"), mail("2003-12-01", country="US"))[1] == "risk"


@pytest.mark.parametrize("country", ["DE", "FR", "NO"])
@pytest.mark.parametrize("at", ["2026-06-10T14:01", "2026-06-12T13:00", "2026-06-12T14:01"])
def test_in_europe_an_unsubscribe_is_an_objection_to_its_channel_and_no_text_gives_days(country, at):
    assert _one(_no(), mail(at, country=country)) == ("breach", "breach", "high", (GDPR,))


def test_a_mail_forty_seven_hours_after_a_german_unsubscribe_is_a_mail_after_an_opt_out():
    rows = [
        act("subscribed", "2025-12-02T12:00", channel="email", country="DE"),
        _no("2026-03-02T12:00", country="DE"),
        mail("2026-03-04T11:00", country="DE"),
    ]
    (finding,) = found("after-opt-out", *rows)
    assert finding["text"] == "1 mail after the opt-out of 2026-03-02 (unsubscribed)."
    assert (finding["case"], finding["verdict"]) == ("breach", "breach")


@pytest.mark.parametrize(
    ("country", "grace"), [("US", "10 business days"), ("BR", "48 hours"), (None, "48 hours")]
)
def test_the_grace_that_a_text_gives_is_said(country, grace):
    (finding,) = found("after-opt-out", _no(), mail("2026-06-12T13:00", country=country))
    expected = (
        f"1 mail within the {grace} that a sender has for acting on the opt-out of 2026-06-10 (unsubscribed)."
    )
    assert finding["text"] == expected


@pytest.mark.parametrize(("channel", "at"), [("push", "2026-06-10T14:01"), ("sms", "2026-06-10T14:01")])
def test_the_hours_of_the_industry_are_for_bulk_mail_alone(channel, at):
    assert _one(_no(channel=channel), mail(at, channel=channel, country="BR"))[0] == "breach"


def test_of_several_noes_the_first_is_named_and_how_many_there_were():
    yes = act("subscribed", "2026-07-01", channel="email")
    rows = [_no(), mail("2026-06-20"), yes, _no("2026-07-02"), mail("2026-08-01")]
    (finding,) = found("after-opt-out", *rows)
    assert finding["text"] == (
        "2 mails after 2 opt-outs, the first of 2026-06-10 (unsubscribed), later than the 48 hours that a sender has."
    )


def test_a_source_nobody_read_says_no_more_than_risk():
    assert _one(_no(), mail("2026-06-12T14:01", country="GB")) == (
        "breach",
        "risk",
        "high",
        ("UK GDPR 21(2)-(3)",),
    )
    text = mail("2026-06-26T10:00", channel="sms", country="US")
    assert _one(_no(channel="sms"), text) == ("breach", "risk", "high", ("47 CFR 64.1200(a)(10)",))


def test_an_objection_has_no_days_of_grace_in_europe():
    objected = act("objected", "2026-06-10T14:00")
    assert _one(objected, mail("2026-06-10T14:01", country="DE")) == ("breach", "breach", "high", (GDPR,))
    assert _one(objected, mail("2026-06-10T14:01", country="US"))[0] == "within_grace"


@pytest.mark.parametrize("country", ["BR", None])
def test_where_no_law_of_the_catalogue_applies_it_is_a_risk(country):
    assert _one(_no(), mail("2026-08-01", country=country)) == ("breach", "risk", "high", (INDUSTRY,))


def test_the_country_may_stand_in_any_event_of_the_customer():
    rows = [act("profile_updated", "2025-01-01", country="DE"), _no(), mail("2026-08-01")]
    assert _one(*rows)[3] == (GDPR,)


def test_what_was_handed_over_before_is_no_breach_within_days():
    attempted = act("message_attempted", "2026-06-10T13:59", message_id="m", channel="email", country="DE")
    assert (
        _one(_no(), attempted, mail("2026-06-10T15:00", message_id="m", country="DE"))[0] == "queued_before"
    )
    assert _one(_no(), attempted, mail("2026-07-10T15:00", message_id="m", country="DE"))[0] == "breach"
    after = attempted | {"at": "2026-06-10T14:00:01"}
    assert _one(_no(), after, mail("2026-06-10T15:00", message_id="m", country="DE"))[0] == "breach"


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ({"channel": "sms"}, {}),
        ({"sender": "Sport"}, {"sender": "Books"}),
        ({"topics": ["sport"]}, {"topics": ["books"]}),
        ({"list_id": "sport"}, {"list_id": "books"}),
    ],
)
def test_a_no_to_something_else_is_another_scope(said, sent):
    assert _one(_no(**said), mail("2026-08-01", **sent))[:3] == ("wrong_scope", "allowed", "info")


@pytest.mark.parametrize(
    ("said", "sent", "named"),
    [
        ({}, {"channel": None}, "mails"),
        ({"sender": "Sport"}, {}, "the sender Sport"),
        ({"topics": ["sport"]}, {}, "the topic sport"),
        ({"list_id": "sport"}, {}, "the list “sport”"),
    ],
)
def test_a_no_that_names_what_the_message_lacks_may_be_about_it(said, sent, named):
    history = (_no(**said), mail("2026-08-01", **sent))
    assert _one(*history)[:3] == ("unknown_scope", "cannot_tell", "info")
    (finding,) = found("after-opt-out", *history)
    assert finding["text"].startswith(
        "Cannot tell whether the opt-out of 2026-06-10 (unsubscribed) is about 1 "
    )
    assert finding["text"].endswith(f": it was about {named}, which nothing says of what was sent.")
    assert "all channels" not in finding["subject"]


def test_the_no_that_may_be_about_a_message_comes_before_one_that_is_not():
    other, nearer = _no("2026-06-01T10:00", channel="sms"), _no("2026-06-05T10:00", topics=["books"])
    assert found("after-opt-out", other, nearer, mail("2026-08-01"))[0]["case"] == "unknown_scope"


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        ({"channel": None}, {}),
        ({"sender": None}, {"sender": "Books"}),
        ({"topics": ["a", "b"]}, {"topics": ["b"]}),
    ],
)
def test_a_no_bears_on_what_it_leaves_open_or_shares(said, sent):
    assert _one(_no(**said), mail("2026-08-01", **sent))[0] == "breach"


def test_orders_and_service_go_on():
    found_of = _one(_no(), mail("2026-08-01", message_class="transactional"))
    assert found_of[:3] == ("allowed_class", "allowed", "info")


def test_a_later_yes_ends_it_and_an_earlier_one_does_not():
    yes = act("subscribed", "2026-07-01", channel="email")
    assert found("after-opt-out", _no(), yes, mail("2026-08-01")) == []
    assert _one(_no(), yes | {"at": "2026-05-01"}, mail("2026-08-01"))[0] == "breach"


def test_a_yes_to_another_topic_ends_nothing():
    yes = act("subscribed", "2026-07-01", channel="email", topics=["books"])
    assert _one(_no(), yes, mail("2026-08-01", topics=["sport"]))[0] == "breach"


def test_a_no_to_everything_leaves_the_other_lists_closed_when_one_is_joined_again():
    yes = act("subscribed", "2026-07-01", channel="email", list_id="B")
    of_a, of_b = (mail("2026-08-01", list_id=name, country="DE", event_id=name) for name in "AB")
    (finding,) = found("after-opt-out", _no(), yes, of_a, of_b)
    assert (finding["case"], finding["messages"]) == ("breach", ["A"])


def test_a_complaint_is_a_no_to_the_channel_and_sender_of_its_message():
    rows = [
        mail("2026-06-01", message_id="m", sender="Sport", country="DE"),
        act("message_complained", "2026-06-02", message_id="m", event_id="no"),
        mail("2026-06-03", sender="Sport", country="DE", event_id="after"),
        mail("2026-06-03", sender="Books", country="DE"),
    ]
    findings = {finding["case"]: finding for finding in found("after-opt-out", *rows)}
    after = findings["breach"]
    assert (after["messages"], after["cause"], after["verdict"]) == (["after"], ["no"], "risk")
    assert after["text"] == "1 mail after the opt-out of 2026-06-02 (spam complaint)."
    assert findings["wrong_scope"]["verdict"] == "allowed"
    assert found("after-opt-out", rows[0], rows[1] | {"machine": True}, rows[2]) == []


MARKED = "is marked as made by a machine"
LOOKS = "came within seconds of a message, or with clicks on many links at once"


@pytest.mark.parametrize(
    ("no", "clicks", "sign"),
    [
        ({"machine": True}, 0, MARKED),
        ({"at": "2026-06-10T14:00:04", "message_id": "m"}, 0, LOOKS),
        ({"at": "2026-06-10T14:00:10"}, 0, LOOKS),
        ({"at": "2026-06-10T14:00:11"}, 0, None),
        ({"at": "2026-06-10T14:00:04", "message_id": "another"}, 0, None),
        ({"at": "2026-06-10T14:00:32", "message_id": "m"}, 3, LOOKS),
        ({"at": "2026-06-10T14:00:32", "message_id": "m"}, 2, None),
    ],
)
def test_an_opt_out_that_a_scanner_may_have_made_is_at_most_a_risk_and_says_so(no, clicks, sign):
    rows = [
        mail("2026-06-10T14:00", message_id="m", country="DE"),
        *(act("message_clicked", f"2026-06-10T14:00:3{number}", message_id="m") for number in range(clicks)),
        _no(**no),
        mail("2026-08-01", country="DE"),
    ]
    (finding,) = found("after-opt-out", *rows)
    if sign is None:
        assert (finding["case"], finding["verdict"]) == ("breach", "breach")
        return
    assert (finding["case"], finding["verdict"], finding["severity"]) == ("maybe_machine", "risk", "medium")
    assert finding["text"] == (
        "1 mail after the opt-out of 2026-06-10 (unsubscribed), which may have been made by a link scanner and not by the "
        f"customer: it {sign}."
    )
    assert json.loads(finding["suggested_rule"])["kind"] == "consent"
    person = _no("2026-06-20", event_id="by a person")
    assert {one["case"] for one in found("after-opt-out", *rows, person)} == {"breach"}


def test_what_went_out_before_anybody_could_know_is_told_apart():
    no = _no(country="DE", recorded_at=parse_iso("2026-07-01T00:00:00Z"))
    before, after = mail("2026-06-20", country="DE"), mail("2026-07-02", country="DE")
    first, second = sorted(found("after-opt-out", no, before, after), key=lambda one: one["from"])
    assert (first["case"], first["verdict"], first["severity"]) == ("before_known", "risk", "low")
    assert first["text"] == (
        "1 mail after the opt-out of 2026-06-10 (unsubscribed), which was recorded on 2026-07-01 only: "
        "nobody could know of it before."
    )
    assert first["suggested_rule"] is None
    assert (second["case"], second["verdict"]) == ("breach", "breach")
    known = _no("2026-06-15", country="DE")
    assert {one["case"] for one in found("after-opt-out", no, known, before)} == {"breach"}


def test_of_one_instant_only_what_follows_in_event_id_is_after():
    at = "2026-06-10T14:00"
    assert found("after-opt-out", _no(at, event_id="b"), mail(at, event_id="a")) == []
    assert _one(act("objected", at, event_id="a"), mail(at, event_id="b", country="DE"))[0] == "breach"


def test_days_of_grace_run_from_the_first_no_in_force():
    assert _one(_no(), _no("2026-07-31"), mail("2026-08-01", country="DE"))[0] == "breach"


def test_it_names_the_messages_and_a_rule_that_honours_the_no():
    (finding,) = found(
        "after-opt-out", _no(event_id="no"), *(mail(f"2026-08-0{day}", country="DE") for day in (1, 2))
    )
    assert finding["text"] == "2 mails after the opt-out of 2026-06-10 (unsubscribed)."
    assert (finding["cause"], finding["messages"], finding["count"]) == (["no"], ["e2", "e3"], 2)
    assert json.loads(finding["suggested_rule"]) == {
        "id": "honour-opt-outs-email", "kind": "consent", "channels": ["email"], "grace": "0d",
        "title": "No marketing by email after an opt-out, from that moment on",
    }  # fmt: skip


def test_a_law_applies_from_its_first_day_to_its_last():
    row = replace(catalogue.row("OPT-2D"), effective_until=date(2025, 6, 30))
    days = [date(2024, 1, 31), date(2024, 2, 1), date(2025, 6, 30), date(2025, 7, 1)]
    frame = events(*(mail(f"{day}T12:00") for day in days))
    assert frame.select(after_opt_out._applies(row)).to_series().to_list() == [False, True, True, False]


@pytest.mark.parametrize(
    ("countries", "of_message", "law"),
    [
        (("DE",), "US", US),  # the message's own country comes first
        (("US",), "DE", GDPR),
        (("DE", "US"), None, US),  # else the newest that is known of the customer
        (("US", "DE"), None, GDPR),
        (("DE", None), None, GDPR),
    ],
)
def test_the_law_is_that_of_the_messages_country_else_of_the_customers_newest(countries, of_message, law):
    known = [
        act("profile_updated", f"2025-01-0{day}", country=country)
        for day, country in enumerate(countries, start=1)
    ]
    moved = act("profile_updated", "2026-09-01", country=countries[-1])
    assert _one(*known, _no(), mail("2026-08-01", country=of_message), moved)[3] == (law,)


def test_the_days_of_grace_are_those_of_the_country_too():
    of_germany, of_america = (act("profile_updated", "2025-01-01", country=code) for code in ("DE", "US"))
    sent = mail("2026-06-15T14:00")
    assert _one(of_america, _no(), sent)[0] == "within_grace"
    assert _one(of_germany, _no(), sent)[0] == "breach"
    back = {"at": "2026-09-01"}
    assert _one(_no(), sent | {"country": "US"}, of_germany | back)[0] == "within_grace"
    assert _one(_no(), sent | {"country": "DE"}, of_america | back)[0] == "breach"


def test_another_customers_country_says_nothing():
    other = act("profile_updated", "2025-01-01", country="DE", customer_id="c_2")
    assert _one(other, _no(), mail("2026-08-01"))[3] == (INDUSTRY,)


@pytest.mark.parametrize(
    ("at", "case"),
    [
        ("2026-06-12T14:00:00", "within_grace"),
        ("2026-06-12T14:00:00.000001", "breach"),
    ],
)
def test_forty_eight_hours_are_over_after_them_and_not_at_them(at, case):
    assert _one(_no(), mail(at, country="BR"))[0] == case
    assert _one(_no(), mail(at))[0] == case


def test_the_days_of_grace_are_for_mails_and_texts_alone():
    push = mail("2026-06-15", channel="push", country="US")
    assert _one(_no(channel="push"), push)[0] == "breach"
    assert _one(_no(channel="sms"), push | {"channel": "sms"})[0] == "within_grace"


@pytest.mark.parametrize(("day", "case"), [("2031-12-31", "within_grace"), ("2032-01-01", "breach")])
def test_days_of_grace_are_counted_where_the_calendar_reaches(day, case):
    later = {"2031-12-31": "2032-01-04", "2032-01-01": "2032-01-05"}[day]
    assert _one(_no(f"{day}T12:00"), mail(f"{later}T12:01", country="US"))[0] == case


@pytest.mark.parametrize(
    ("said", "sent", "case"),
    [
        ("2015-01-01T12:00", "2015-01-05T12:01", "within_grace"),
        ("2014-12-31T12:00", "2015-01-05T12:01", "breach"),
    ],
)
def test_days_of_grace_are_counted_from_the_calendars_first_day_on(said, sent, case):
    assert _one(_no(said), mail(sent, country="US"))[0] == case


def test_where_no_row_of_the_catalogue_speaks_of_it_the_check_names_itself_as_source():
    text = mail("2026-08-01", channel="sms", country="BR")
    assert _one(_no(channel="sms"), text)[3] == ("our own yardstick; no law or study behind it",)


@pytest.mark.parametrize("no", ["objected", "unsubscribed", "consent_withdrawn"])
def test_a_no_has_no_days_of_grace_in_the_united_kingdom(no):
    assert _one(act(no, "2026-06-10T14:00"), mail("2026-06-10T14:01", country="GB"))[0] == "breach"


def test_what_was_handed_over_at_the_instant_of_the_no_was_not_handed_over_before_it():
    attempted = act("message_attempted", "2026-06-10T14:00", message_id="m", channel="email", country="DE")
    sent = mail("2026-06-10T15:00", message_id="m", country="DE")
    assert _one(_no(), attempted, sent)[0] == "breach"
    assert _one(_no(), attempted | {"at": "2026-06-10T13:59:59.999999"}, sent)[0] == "queued_before"


@pytest.mark.parametrize("no", ["unsubscribed", "objected", "consent_withdrawn"])
@pytest.mark.parametrize("yes", ["subscribed", "consent_given"])
def test_every_kind_of_no_is_in_force_until_any_kind_of_yes(no, yes):
    stop = act(no, "2026-06-10T14:00", channel="email", event_id="n")
    sent = mail("2026-08-01", event_id="x")
    assert _one(stop, sent)[0] == "breach"
    assert found("after-opt-out", stop, act(yes, "2026-07-01", channel="email"), sent) == []
    assert _one(act(yes, "2026-06-01", channel="email"), stop, sent)[0] == "breach"


@pytest.mark.parametrize(
    ("yes", "ends"),
    [
        ({"event_id": "o"}, True),  # of one instant the later in event_id counts
        ({"event_id": "m"}, False),
        ({"event_id": "o", "channel": "sms"}, False),
        ({"event_id": "o", "channel": None}, True),
        ({"event_id": "o", "sender": "Sport"}, False),
        ({"event_id": "o", "at": "2026-08-01"}, True),  # at the instant of the message, before it
        ({"event_id": "y", "at": "2026-08-01"}, False),  # at the instant of the message, after it
    ],
)
def test_a_yes_ends_a_no_where_it_comes_after_it_and_bears_on_the_message(yes, ends):
    stop = _no(event_id="n")
    said = {**act("subscribed", "2026-06-10T14:00", channel="email"), **yes}
    assert (found("after-opt-out", stop, said, mail("2026-08-01", event_id="x")) == []) == ends


def test_of_several_noes_the_oldest_that_bears_on_the_message_is_its_cause():
    noes = [
        _no("2026-06-01", channel="sms", event_id="n1"),
        _no("2026-06-02", event_id="n2"),
        _no("2026-06-03", event_id="n3"),
    ]
    (finding,) = found("after-opt-out", *noes, mail("2026-08-01"))
    assert (finding["case"], finding["cause"]) == ("breach", ["n2"])
