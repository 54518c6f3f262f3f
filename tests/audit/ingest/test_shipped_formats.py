"""Every format that ships as a map, held to the same: rows as they are posted, and what must come of them."""

import gzip
import json
from dataclasses import dataclass

import polars as pl
import pytest

from audit import ingest
from audit.ingest import formats, map_formats
from audit.privacy import vault_tables
from audit.workspace.workspace import Workspace
from tests.audit.ingest.files import by_source, counts, ndjson, raw
from tests.audit.ingest.test_shipped_tables import SHIPPED

JO, AL = "jo.canary@example.test", "al.canary@example.test"
SECRETS = {"address": JO, "other": AL, "ip": "203.0.113.77", "agent": "CanaryBrowser/9.1"}
STRANGE = {"zz_of_theirs": "kept-as-it-is"}


@dataclass(frozen=True)
class Sample:
    """Rows as a provider posts them, and the events in them: customer, kind, time, then what else is of interest."""

    rows: tuple[dict, ...]
    says: tuple[str, ...]
    events: tuple[tuple, ...]
    skipped: int = 0


SENDGRID = Sample(
    (
        {
            "email": JO,
            "timestamp": 1767607200,
            "event": "processed",
            "sg_message_id": "m1.recv-1",
            "sg_event_id": "a",
            "category": ["spring", "news"],
            **STRANGE,
        },
        {
            "email": JO,
            "timestamp": 1767607202,
            "event": "delivered",
            "sg_message_id": "m1.recv-1.flt-2",
            "sg_event_id": "b",
            "response": "250 OK",
            "category": "spring",
        },
        {
            "email": JO,
            "timestamp": 1767607202,
            "event": "delivered",
            "sg_message_id": "m1.recv-1.flt-2",
            "sg_event_id": "c",
            "response": "250 OK",
            "category": "spring",
        },
        {
            "email": JO,
            "timestamp": 1767607300,
            "event": "open",
            "sg_message_id": "m1.recv-1",
            "sg_machine_open": True,
            "useragent": SECRETS["agent"],
            "ip": SECRETS["ip"],
        },
        {
            "email": JO,
            "timestamp": 1767607400,
            "event": "group_unsubscribe",
            "asm_group_id": 12,
            "sg_message_id": "m1.recv-1",
        },
        {
            "email": JO,
            "timestamp": 1767607450,
            "event": "unsubscribe",
            "asm_group_id": 12,
            "sg_message_id": "m1.recv-1",
        },
        {
            "email": AL,
            "timestamp": 1767607500,
            "event": "dropped",
            "sg_message_id": "m2.x",
            "reason": "Unsubscribed Address",
        },
        {
            "email": AL,
            "timestamp": 1767607600,
            "event": "bounce",
            "type": "bounce",
            "sg_message_id": "m3.x",
            "reason": "550 no such user",
            "status": "5.1.1",
        },
        {
            "email": AL,
            "timestamp": 1767607700,
            "event": "deferred",
            "sg_message_id": "m4.x",
            "attempt": "1",
            "response": "421 later",
        },
    ),
    ("message_id", "campaign_name", "list_id", "reason", "machine"),
    (
        (AL, "message_suppressed", 1767607500, "m2", None, None, "unsubscribed", None),
        (AL, "message_bounced", 1767607600, "m3", None, None, "hard bounce", None),
        (AL, "message_sent", 1767607600, "m3", None, None, None, None),
        (AL, "other", 1767607700, "m4", None, None, "421 later", None),
        (JO, "message_sent", 1767607200, "m1", "spring", None, None, None),
        (JO, "message_delivered", 1767607202, "m1", "spring", None, "250 OK", None),
        (JO, "message_opened", 1767607300, "m1", None, None, None, True),
        (JO, "unsubscribed", 1767607400, "m1", None, "12", None, None),
        (JO, "unsubscribed", 1767607450, "m1", None, None, None, None),
    ),
)


def _mailgun(event, at, recipient=JO, **rest):
    body = {
        "event": event,
        "timestamp": at,
        "id": f"{event}-{at}",
        "recipient": recipient,
        "message": {"headers": {"message-id": "m1@mg", "subject": "Hello", "to": f"Jo Canary <{JO}>"}},
        "log-level": "info",
        **rest,
    }
    return {"signature": {"token": "t", "timestamp": "1", "signature": "s"}, "event-data": body}


MAILGUN = Sample(
    (
        _mailgun("accepted", 1767607200.5, tags=["spring"], **STRANGE),
        _mailgun("delivered", 1767607201.5, tags=["spring"]),
        _mailgun(
            "opened",
            1767607300,
            **{"client-info": {"bot": "apple", "user-agent": SECRETS["agent"]}, "ip": SECRETS["ip"]},
        ),
        _mailgun("clicked", 1767607400, **{"client-info": {"bot": ""}, "url": "https://example.test/x"}),
        _mailgun("failed", 1767607500, AL, severity="permanent", reason="suppress-unsubscribe"),
        _mailgun(
            "failed",
            1767607600,
            AL,
            severity="permanent",
            reason="bounce",
            **{"delivery-status": {"code": 550}},
        ),
        _mailgun("failed", 1767607700, AL, severity="temporary", reason="generic"),
        _mailgun("unsubscribed", 1767607800)["event-data"],
    ),
    ("message_id", "campaign_id", "reason", "machine"),
    (
        (AL, "message_suppressed", 1767607500, "m1@mg", None, "unsubscribed", None),
        (AL, "message_bounced", 1767607600, "m1@mg", None, "hard bounce", None),
        (AL, "message_sent", 1767607600, "m1@mg", None, None, None),
        (AL, "other", 1767607700, "m1@mg", None, "generic", None),
        (JO, "message_sent", 1767607200.5, "m1@mg", "spring", None, None),
        (JO, "message_delivered", 1767607201.5, "m1@mg", "spring", None, None),
        (JO, "message_opened", 1767607300, "m1@mg", None, None, True),
        (JO, "message_clicked", 1767607400, "m1@mg", None, None, None),
        (JO, "unsubscribed", 1767607800, "m1@mg", None, None, None),
    ),
)

POSTMARK = Sample(
    (
        {
            "RecordType": "Delivery",
            "MessageID": "p1",
            "Recipient": JO,
            "DeliveredAt": "2026-01-05T10:00:00.1234567Z",
            "Tag": "spring",
            **STRANGE,
        },
        {
            "RecordType": "Open",
            "MessageID": "p1",
            "Recipient": JO,
            "ReceivedAt": "2026-01-05T10:01:00Z",
            "FirstOpen": True,
            "UserAgent": SECRETS["agent"],
            "Geo": {"IP": SECRETS["ip"], "City": "Bonn"},
        },
        {
            "RecordType": "SpamComplaint",
            "ID": 3,
            "Type": "SpamComplaint",
            "MessageID": "p1",
            "Email": JO,
            "BouncedAt": "2026-01-05T10:02:00Z",
        },
        {
            "RecordType": "SubscriptionChange",
            "MessageID": "p1",
            "Recipient": JO,
            "ChangedAt": "2026-01-05T10:03:00Z",
            "SuppressSending": True,
            "SuppressionReason": "ManualSuppression",
            "MessageStream": "news",
        },
        {
            "RecordType": "SubscriptionChange",
            "MessageID": "p1",
            "Recipient": JO,
            "ChangedAt": "2026-01-05T10:04:00Z",
            "SuppressSending": False,
            "SuppressionReason": None,
            "MessageStream": "news",
        },
        {
            "RecordType": "Bounce",
            "ID": 4,
            "Type": "HardBounce",
            "MessageID": "p2",
            "Email": AL,
            "BouncedAt": "2026-01-05T10:05:00Z",
            "Description": f"no {AL} here",
            "Content": f"To: Al Canary <{AL}>",
        },
        {
            "RecordType": "SubscriptionChange",
            "MessageID": "p2",
            "Recipient": AL,
            "ChangedAt": "2026-01-05T10:06:00Z",
            "SuppressSending": True,
            "SuppressionReason": "HardBounce",
        },
    ),
    ("message_id", "campaign_name", "list_id", "reason"),
    (
        (AL, "message_bounced", 1767607500, "p2", None, None, "hard bounce"),
        (AL, "message_sent", 1767607500, "p2", None, None, None),
        (AL, "profile_updated", 1767607560, "p2", None, None, "hard bounce"),
        (JO, "message_delivered", 1767607200.123456, "p1", "spring", None, None),
        (JO, "message_sent", 1767607200.123456, "p1", "spring", None, None),
        (JO, "message_opened", 1767607260, "p1", None, None, None),
        (JO, "message_complained", 1767607320, "p1", None, None, "SpamComplaint"),
        (JO, "unsubscribed", 1767607380, "p1", None, "news", "ManualSuppression"),
        (JO, "subscribed", 1767607440, "p1", None, "news", None),
    ),
)


def _ses(event, to=(JO,), wrapped=True, **rest):
    mail = {
        "timestamp": "2026-01-05T10:00:00.000Z",
        "messageId": "s1",
        "destination": list(to),
        "tags": {"campaign": ["spring"]},
        "headers": [{"name": "To", "value": f"Jo Canary <{JO}>"}],
        "commonHeaders": {"subject": "Hello", "to": [f"Jo Canary <{JO}>"]},
    }
    message = {"eventType": event, "mail": mail, **rest}
    return (
        {
            "Type": "Notification",
            "MessageId": "n",
            "TopicArn": "arn:aws:sns:x",
            "Message": json.dumps(message),
            "Signature": "xyz",
        }
        if wrapped
        else message
    )


SES = Sample(
    (
        _ses("Send", (JO, AL), send={}, **STRANGE),
        _ses("Delivery", (JO, AL), delivery={"timestamp": "2026-01-05T10:00:02.000Z", "recipients": [JO]}),
        _ses(
            "Bounce",
            (JO, AL),
            wrapped=False,
            bounce={
                "timestamp": "2026-01-05T10:00:03.000Z",
                "bounceType": "Permanent",
                "bounceSubType": "General",
                "bouncedRecipients": [{"emailAddress": f"<{AL}>", "status": "5.1.1"}],
            },
        ),
        _ses(
            "Complaint", complaint={"timestamp": "2026-01-06T10:00:00.000Z", "complaintFeedbackType": "abuse"}
        ),
        _ses(
            "Open",
            (JO, AL),
            open={
                "timestamp": "2026-01-06T10:00:00.000Z",
                "ipAddress": SECRETS["ip"],
                "userAgent": SECRETS["agent"],
            },
        ),
        _ses(
            "Click",
            click={
                "timestamp": "2026-01-06T11:00:00.000Z",
                "ipAddress": SECRETS["ip"],
                "userAgent": SECRETS["agent"],
                "link": "https://example.test/x",
            },
        ),
        _ses(
            "Subscription",
            subscription={
                "timestamp": "2026-01-07T10:00:00.000Z",
                "newTopicPreferences": {
                    "unsubscribeAll": False,
                    "topicSubscriptionStatus": [
                        {"topicName": "a", "subscriptionStatus": "OptOut"},
                        {"topicName": "b", "subscriptionStatus": "OptIn"},
                    ],
                },
            },
        ),
    ),
    ("message_id", "campaign_id", "list_id", "reason"),
    (
        (AL, "message_sent", 1767607200, "s1", "spring", None, None),
        (AL, "message_bounced", 1767607203, "s1", "spring", None, "hard bounce"),
        (JO, "message_sent", 1767607200, "s1", "spring", None, None),
        (JO, "message_delivered", 1767607202, "s1", "spring", None, None),
        (JO, "message_complained", 1767693600, "s1", "spring", None, "abuse"),
        (JO, "message_clicked", 1767697200, "s1", "spring", None, None),
        (JO, "subscribed", 1767780000, "s1", "spring", "b", None),
        (JO, "unsubscribed", 1767780000, "s1", "spring", "a", None),
    ),
    skipped=1,
)

CUSTOMERIO = Sample(
    (
        {
            "event_id": "1",
            "object_type": "email",
            "metric": "sent",
            "timestamp": 1767607200,
            "data": {
                "customer_id": "42",
                "identifiers": {"id": "42", "email": JO},
                "delivery_id": "d1",
                "campaign_id": 7,
                **STRANGE,
            },
        },
        {
            "event_id": "2",
            "object_type": "email",
            "metric": "dropped",
            "timestamp": "1767607260",
            "data": {
                "customer_id": "42",
                "delivery_id": "d2",
                "recipient": AL,
                "transactional_message_id": 3,
                "ip": SECRETS["ip"],
                "user_agent": SECRETS["agent"],
            },
        },
        {
            "event_id": "3",
            "object_type": "customer",
            "metric": "unsubscribed",
            "timestamp": 1767607320,
            "data": {"customer_id": "42", "identifiers": {"id": "42"}},
        },
    ),
    ("channel", "message_id", "campaign_id", "message_class"),
    (
        ("42", "message_sent", 1767607200, "email", "d1", "7", None),
        ("42", "message_suppressed", 1767607260, "email", "d2", "3", "transactional"),
        ("42", "unsubscribed", 1767607320, None, None, None, None),
    ),
)

BREVO = Sample(
    (
        {
            "event": "request",
            "email": JO,
            "ts_epoch": 1767607200000,
            "ts": 1,
            "message-id": "<b1@brevo>",
            "subject": "Hello",
            "tags": ["spring"],
            "template_id": 3,
            **STRANGE,
        },
        {
            "event": "delivered",
            "email": JO,
            "ts_epoch": 1767607201000,
            "message-id": "<b1@brevo>",
            "template_id": 3,
        },
        {
            "event": "unique_proxy_open",
            "email": JO,
            "ts_event": 1767607300,
            "message-id": "<b1@brevo>",
            "template_id": 3,
            "user_agent": SECRETS["agent"],
            "ip": SECRETS["ip"],
        },
        {
            "event": "hard_bounce",
            "email": AL,
            "ts_event": 1767607400,
            "message-id": "<b2@brevo>",
            "reason": "550 no",
        },
        {"event": "unsubscribe", "email": JO, "ts_event": 1767607500, "camp_id": 9, "list_id": [3, 42]},
    ),
    ("message_id", "campaign_id", "list_id", "reason", "machine"),
    (
        (AL, "message_bounced", 1767607400, "b2@brevo", None, None, "hard bounce", None),
        (AL, "message_sent", 1767607400, "b2@brevo", None, None, None, None),
        (JO, "message_sent", 1767607200, "b1@brevo", "3", None, None, None),
        (JO, "message_delivered", 1767607201, "b1@brevo", "3", None, None, None),
        (JO, "message_opened", 1767607300, "b1@brevo", "3", None, None, True),
        (JO, "unsubscribed", 1767607500, None, "9", "3", None, None),
    ),
)

MAILJET = Sample(
    (
        {
            "event": "sent",
            "time": 1767607200,
            "MessageID": 19421777835146490,
            "email": JO,
            "mj_campaign_id": 7,
            "customcampaign": "spring",
            **STRANGE,
        },
        {
            "event": "click",
            "time": 1767607300,
            "MessageID": 19421777835146490,
            "email": JO,
            "mj_campaign_id": 7,
            "url": "https://example.test",
            "ip": SECRETS["ip"],
            "agent": SECRETS["agent"],
        },
        {
            "event": "unsub",
            "time": 1767607400,
            "MessageID": 19421777835146490,
            "email": JO,
            "mj_campaign_id": 7,
            "mj_list_id": 4,
        },
        {
            "event": "bounce",
            "time": 1767607500,
            "MessageID": 2,
            "email": AL,
            "hard_bounce": True,
            "error": "user unknown",
        },
        {"event": "blocked", "time": 1767607600, "MessageID": 3, "email": AL, "error": "preblocked"},
    ),
    ("message_id", "campaign_name", "list_id", "reason"),
    (
        (AL, "message_bounced", 1767607500, "2", None, None, "hard bounce"),
        (AL, "message_sent", 1767607500, "2", None, None, None),
        (AL, "message_suppressed", 1767607600, "3", None, None, "hard bounce"),
        (JO, "message_sent", 1767607200, "19421777835146490", "spring", None, None),
        (JO, "message_clicked", 1767607300, "19421777835146490", None, None, None),
        (JO, "unsubscribed", 1767607400, "19421777835146490", None, "4", None),
    ),
)


def _resend(event, at, to=(JO,), **rest):
    return {
        "type": event,
        "created_at": at,
        "data": {
            "email_id": "r1",
            "from": "Shop <shop@example.test>",
            "to": list(to),
            "subject": "Hello",
            **rest,
        },
    }


RESEND = Sample(
    (
        _resend(
            "email.sent", "2026-01-05T10:00:00.000Z", cc=[], bcc=[AL], tags={"category": "spring"}, **STRANGE
        ),
        _resend("email.delivered", "2026-01-05 10:00:02.000+00", (JO,)),
        _resend("email.opened", "2026-01-05T10:01:00.000Z", (JO, AL)),
        _resend("email.opened", "2026-01-05T10:01:00.000Z", cc=[AL]),
        _resend(
            "email.clicked",
            "2026-01-05T10:02:00.000Z",
            click={
                "ipAddress": SECRETS["ip"],
                "userAgent": SECRETS["agent"],
                "link": "https://example.test",
                "timestamp": "2026-01-05T10:01:30.000Z",
            },
        ),
        _resend(
            "email.bounced",
            "2026-01-05T10:03:00.000Z",
            (AL,),
            bounce={"type": "Permanent", "message": f"no {AL}"},
        ),
        {
            "type": "contact.updated",
            "created_at": "2026-01-05T10:04:00.000Z",
            "data": {
                "id": "c",
                "audience_id": "news",
                "email": JO,
                "first_name": "Jo Canary",
                "unsubscribed": True,
            },
        },
    ),
    ("message_id", "campaign_id", "list_id", "reason"),
    (
        (AL, "message_sent", 1767607200, "r1", "spring", None, None),
        (AL, "message_bounced", 1767607380, "r1", None, None, "hard bounce"),
        (JO, "message_sent", 1767607200, "r1", "spring", None, None),
        (JO, "message_delivered", 1767607202, "r1", None, None, None),
        (JO, "message_clicked", 1767607290, "r1", None, None, None),
        (JO, "unsubscribed", 1767607440, None, None, "news", None),
    ),
    skipped=2,
)

SAMPLES = {
    "brevo": BREVO,
    "mailjet": MAILJET,
    "resend": RESEND,
    "sendgrid": SENDGRID,
    "mailgun": MAILGUN,
    "postmark": POSTMARK,
    "ses": SES,
    "customerio": CUSTOMERIO,
}


@pytest.fixture(params=SAMPLES)
def name(request):
    return request.param


def events_of(ws, sample):
    events = by_source(ws).sort("customer_id", "occurred_at", "kind")
    rows = events.select("customer_id", "kind", "occurred_at", *sample.says).rows()
    return [(customer, kind, at.timestamp(), *rest) for customer, kind, at, *rest in rows]


def test_every_format_that_ships_has_a_sample():
    shipped = {path.name for path in SHIPPED.iterdir() if path.is_dir()}
    assert {each.name for each in map_formats.shipped()} == {*SAMPLES, *shipped}


def test_posts_are_known_by_what_is_in_them_and_become_events(ws, tmp_path, name):
    sample = SAMPLES[name]
    report = ingest.import_paths(ws, [ndjson(tmp_path, *sample.rows, name="posts.txt")])

    assert {file.format for file in report.files} == {name}
    assert (report.total("quarantined"), report.total("skipped")) == (0, sample.skipped)
    assert events_of(ws, sample) == list(sample.events)
    assert {kind for _, kind, *_ in sample.events} <= set(
        next(each for each in formats.formats() if each.name == name).gives
    )
    assert ws.resolve(JO)
    assert vault_tables.namesakes(ws.path / "vault.db", ws.generation.persons()) == {}, (
        "nobody has the address of somebody else on the same mail"
    )


def test_recipients_of_one_complaint_are_two_people(ws, tmp_path):
    recipients = [{"emailAddress": JO}, {"emailAddress": AL}]
    post = _ses("Complaint", (AL, JO), complaint={"complainedRecipients": recipients})
    ingest.import_paths(ws, [ndjson(tmp_path, post)])
    assert ws.info.customers == 2
    assert vault_tables.namesakes(ws.path / "vault.db", ws.generation.persons()) == {}
    assert ws.resolve(JO) != ws.resolve(AL)


def test_what_nobody_knows_is_kept_and_identifiers_are_nowhere_but_in_the_vault(ws, tmp_path, name):
    ingest.import_paths(ws, [ndjson(tmp_path, *SAMPLES[name].rows)])
    attributes = "".join(by_source(ws)["attributes"].drop_nulls())
    assert STRANGE["zz_of_theirs"] in attributes
    held = [
        (path, path.read_bytes())
        for path in ws.path.rglob("*")
        if path.is_file() and path.suffix != ".parquet"
    ]
    stored = ws.scan().collect().write_ndjson().encode()
    for secret in (*SECRETS.values(), "Canary <", "Jo Canary", "canary@"):
        assert [path for path, content in held if secret.encode() in content] == []
        assert secret.encode() not in stored


@pytest.mark.parametrize("form", ["list", "posts", "together", "gz"])
def test_however_the_posts_were_stored_the_events_are_the_same(ws, tmp_path, name, form):
    sample = SAMPLES[name]
    texts = [json.dumps(row) for row in sample.rows]
    content = {
        "list": json.dumps(sample.rows, indent=1),
        "posts": "\n".join(f"[{text}]" for text in texts),
        "together": "".join(texts),
        "gz": "\n".join(texts),
    }[form].encode()
    file = raw(
        tmp_path, gzip.compress(content) if form == "gz" else content, "posts.json" + ".gz" * (form == "gz")
    )
    ingest.import_paths(ws, [file])
    assert events_of(ws, sample) == list(sample.events)


def test_a_second_import_adds_nothing_and_one_row_after_another_gives_the_same(ws, tmp_path, name):
    sample = SAMPLES[name]
    file = ndjson(tmp_path, *sample.rows)
    ingest.import_paths(ws, [file])
    again = ingest.import_paths(ws, [file])
    assert (again.total("accepted"), again.updated) == (0, 0)
    assert counts(again)[0] == counts(again)[2] + sample.skipped
    other = Workspace.create(tmp_path / "other")
    for number, row in enumerate(sample.rows):
        ingest.import_paths(other, [ndjson(tmp_path, row, name=f"{number}.json")], format=name)
    assert events_of(other, sample) == list(sample.events)


def test_nothing_and_what_was_cut_off_lose_no_other_row(ws, tmp_path, name):
    sample = SAMPLES[name]
    for empty in ("", "[]", "\n\n"):
        assert counts(ingest.import_paths(ws, [raw(tmp_path, empty.encode(), "e.json")], format=name))[0] == 0
    text = "\n".join(json.dumps(row) for row in sample.rows)
    report = ingest.import_paths(ws, [raw(tmp_path, text[:-9].encode(), "cut.json")])
    assert (report.total("rows"), report.total("quarantined")) == (len(sample.rows), 1)
    assert set(events_of(ws, sample)) < set(sample.events)


def test_a_time_that_is_none_is_refused_and_its_neighbours_go_in(ws, tmp_path):
    first, second, third = SAMPLES["customerio"].rows
    report = ingest.import_paths(ws, [ndjson(tmp_path, first, {**second, "timestamp": "abc"}, third)])
    assert counts(report) == (3, 2, 0, 1, 0)
    assert report.refused_by_reason == {"occurred_at is no time": 1}


def test_a_mail_to_several_is_posted_for_each_and_stays_one_of_each(ws, tmp_path):
    posts = [
        _mailgun("accepted", at, who, recipients=[JO, AL])
        for at, who in ((1767607200.5, JO), (1767607200.6, AL))
    ]
    ses = _ses(
        "Delivery", (JO, AL), delivery={"timestamp": "2026-01-05T10:00:02.000Z", "recipients": [JO, AL]}
    )
    for rows, sent in ((posts, ["m1@mg"]), ([ses, ses], ["m1@mg", "s1"])):
        ingest.import_paths(ws, [ndjson(tmp_path, *rows)])
        mails = by_source(ws).filter(kind="message_sent").sort("customer_id", "message_id")
        expected = [(who, message) for who in (AL, JO) for message in sent]
        assert mails.select("customer_id", "message_id").rows() == expected


def _sendgrid_says(who, n, event, **rest):
    row = {
        "email": who,
        "timestamp": 1767607200,
        "event": event,
        "sg_message_id": f"m{n}",
        "sg_event_id": f"e{n}",
    }
    return {**row, **rest}


def _mailgun_says(who, n, **rest):
    return _mailgun("failed", 1767607200.5 + n, who, **rest)


def _postmark_says(who, n, **rest):
    row = {"MessageID": f"p{n}", "BouncedAt": "2026-01-05T10:00:00Z", "ChangedAt": "2026-01-05T10:00:00Z"}
    return {
        **row,
        "RecordType": "Bounce",
        "ID": n,
        "Email": who,
        "Recipient": who,
        "MessageStream": "m",
        **rest,
    }


def _ses_says(who, n, kind="Permanent", subtype="General"):
    bounce = {"bounceType": kind, "bounceSubType": subtype, "timestamp": "2026-01-05T10:00:00.000Z"}
    return _ses("Bounce", (who,), bounce={**bounce, "bouncedRecipients": [{"emailAddress": who}]})


def _brevo_says(who, n, event):
    return {
        "event": event,
        "email": who,
        "id": n,
        "message-id": f"<b{n}>",
        "ts_event": 1767607200,
        "subject": "Hello",
    }


def _mailjet_says(who, n, event, **rest):
    return {"event": event, "time": 1767607200, "MessageID": n, "email": who, "mj_campaign_id": 7, **rest}


def _resend_says(who, n, kind):
    return _resend(
        "email.bounced", "2026-01-05T10:00:00.000Z", (who,), email_id=f"r{n}", bounce={"type": kind}
    )


def _hubspot_says(who, n, reason):
    row = {"id": f"h{n}", "type": "DROPPED", "created": 1767607200000, "recipient": who, "emailCampaignId": 7}
    return {**row, "appId": 1, "portalId": 9, "dropReason": reason}


def _iterable_says(who, n, reason):
    fields = {"createdAt": "2026-01-05 10:00:00 +00:00", "messageId": f"i{n}", "reason": reason}
    return {"email": who, "eventName": "emailSendSkip", "dataFields": fields}


def _braze_says(who, n, kind, reason):
    row = {"id": f"z{n}", "external_user_id": who, "time": 1767607200, "campaign_id": "c1"}
    return {**row, "event_type": f"users.messages.email.{kind}", "dispatch_id": f"d{n}", "abort_type": reason}


def _customerio_says(who, n, metric, reason):
    data = {"customer_id": who, "delivery_id": f"d{n}", "failure_message": reason}
    row = {"event_id": f"c{n}", "object_type": "email", "metric": metric, "timestamp": 1767607200}
    return {**row, "data": data}


def _klaviyo_says(who, n, reason):
    suppression = [{"reason": reason, "timestamp": "2026-01-05T10:00:00+00:00"}]
    marketing = {"consent": "SUBSCRIBED", "suppression": suppression}
    return {
        "type": "profile",
        "id": who,
        "attributes": {"email": who, "subscriptions": {"email": {"marketing": marketing}}},
    }


def _listmonk_says(who, n, word):
    row = {"id": n, "subscriber_id": who, "campaign_id": 7, "type": word}
    return {**row, "source": "api", "created_at": "2026-01-05T10:00:00Z"}


def _mailchimp_says(who, n, word):
    row = {"action": "bounce", "member_id": who, "campaign_id": f"c{n}", "bounce_type": word}
    return {**row, "timestamp": "2026-01-05T10:00:00Z", "list_id": "l1"}


NOT_REACHED = ["message_bounced", "message_suppressed", "message_complained", "unsubscribed"]
STATED = {
    "sendgrid": (_sendgrid_says, {
        ("dropped", "Unsubscribed Address"): "unsubscribed", ("dropped", "Bounced Address"): "hard bounce",
        ("dropped", "Spam Reporting Address"): "complaint", ("dropped", "Invalid"): "invalid address",
        ("dropped", "Invalid SMTPAPI header"): "Invalid SMTPAPI header",
        ("dropped", "Recipient List over Package Quota"): "Recipient List over Package Quota",
    }, lambda event, reason: {"event": event, "reason": reason}),
    "mailgun": (_mailgun_says, {
        ("permanent", "suppress-unsubscribe"): "unsubscribed", ("permanent", "suppress-complaint"): "complaint",
        ("permanent", "suppress-bounce"): "hard bounce", ("permanent", "bounce"): "hard bounce",
    }, lambda severity, reason: {"severity": severity, "reason": reason}),
    "postmark": (_postmark_says, {
        ("HardBounce",): "hard bounce", ("SoftBounce",): "soft bounce", ("Transient",): "soft bounce",
        ("BadEmailAddress",): "invalid address", ("DnsError",): "DnsError", ("SpamComplaint",): "complaint",
    }, lambda word: {"Type": word}),
    "ses": (_ses_says, {
        ("Permanent", "NoEmail"): "hard bounce", ("Transient", "MailboxFull"): "soft bounce",
        ("Permanent", "UnsubscribedRecipient"): "unsubscribed", ("Undetermined", "Undetermined"): "Undetermined",
    }, lambda kind, subtype: {"kind": kind, "subtype": subtype}),
    "brevo": (_brevo_says, {
        ("hard_bounce",): "hard bounce", ("soft_bounce",): "soft bounce", ("invalid_email",): "invalid address",
    }, lambda event: {"event": event}),
    "mailjet": (_mailjet_says, {
        ("blocked", "preblocked"): "hard bounce", ("blocked", "duplicate in campaign"): "duplicate",
        ("blocked", "spam reporter"): "complaint", ("blocked", "typofix"): "invalid address",
        ("blocked", "spam preblocked"): "spam preblocked", ("blocked", "content blocked"): "content blocked",
    }, lambda event, error: {"event": event, "error": error}),
    "resend": (_resend_says, {
        ("Permanent",): "hard bounce", ("Transient",): "soft bounce", ("Undetermined",): "Undetermined",
    }, lambda kind: {"kind": kind}),
    "hubspot": (_hubspot_says, {
        ("PREVIOUSLY_UNSUBSCRIBED_MESSAGE",): "unsubscribed", ("PREVIOUSLY_UNSUBSCRIBED_PORTAL",): "unsubscribed",
        ("PREVIOUSLY_UNSUBSCRIBED_BUSINESS_UNIT",): "unsubscribed", ("PREVIOUSLY_UNSUBSCRIBED_BRAND",): "unsubscribed",
        ("ADDRESS_OPTED_OUT",): "unsubscribed", ("PREVIOUSLY_BOUNCED",): "hard bounce", ("PREVIOUS_SPAM",): "complaint",
        ("INVALID_TO_ADDRESS",): "invalid address", ("RECIPIENT_FATIGUE_SUPPRESSED",): "frequency capped",
        ("GRAYMAIL_SUPPRESSED",): "GRAYMAIL_SUPPRESSED",
    }, lambda reason: {"reason": reason}),
    "iterable": (_iterable_says, {
        ("DuplicateMarketingMessage",): "duplicate", ("FrequencyCapping",): "frequency capped",
        ("FrequencyOptimization",): "frequency capped", ("QuietHoursSendSkip",): "quiet hours",
        ("ExperimentHoldOut",): "holdout", ("InvalidRecipientEmail",): "invalid address",
        ("SuppressedByMessageService",): "SuppressedByMessageService", ("LocaleMismatch",): "LocaleMismatch",
    }, lambda reason: {"reason": reason}),
    "braze": (_braze_says, {
        ("Abort", "quiet_hours"): "quiet hours", ("Abort", "rate_limit"): "rate_limit",
        ("Abort", "liquid_abort_message"): "liquid_abort_message", ("SoftBounce", None): "soft bounce",
    }, lambda kind, reason: {"kind": kind, "reason": reason}),
    "customerio": (_customerio_says, {
        ("undeliverable", "Sending delivery would exceed message limit"): "frequency capped",
        ("failed", "Rate exceeded for the message"): "Rate exceeded for the message",
    }, lambda metric, reason: {"metric": metric, "reason": reason}),
    "klaviyo": (_klaviyo_says, {
        ("HARD_BOUNCE",): "hard bounce", ("INVALID_EMAIL",): "invalid address", ("SPAM_COMPLAINT",): "complaint",
        ("UNSUBSCRIBE",): "unsubscribed", ("USER_SUPPRESSED",): "USER_SUPPRESSED",
    }, lambda reason: {"reason": reason}),
    "listmonk": (_listmonk_says, {("hard",): "hard bounce", ("soft",): "soft bounce"}, lambda word: {"word": word}),
    "mailchimp": (_mailchimp_says, {("hard",): "hard bounce", ("soft",): "soft bounce"}, lambda word: {"word": word}),
}  # fmt: skip
"""What the providers' references list as reasons, and what each is here; a word without one of ours stays theirs."""


@pytest.mark.parametrize("source", STATED)
def test_what_a_provider_states_as_a_reason_is_ours_or_their_own_word(ws, tmp_path, source):
    post, said, fields = STATED[source]
    people = {f"p{n}@example.test": words for n, words in enumerate(said)}
    rows = [post(who, n, **fields(*words)) for n, (who, words) in enumerate(people.items())]
    report = ingest.import_paths(ws, [ndjson(tmp_path, *rows)])
    assert {file.format for file in report.files} == {source}
    events = by_source(ws).filter(pl.col("kind").is_in(NOT_REACHED))
    reasons = dict(events.select("customer_id", "reason").rows())
    assert reasons == {who: said[words] for who, words in people.items()}


@pytest.mark.parametrize(
    ("name", "header", "kind"),
    [
        ("cart.csv", "Id,Email,Created at,Lineitem quantity,Lineitem name,Lineitem price", "checkout_started"),
        ("Abandoned checkouts_export_1.csv", "Name,Email,Created at,Lineitem quantity,Lineitem name,Lineitem price",
         "checkout_started"),
        ("mine.csv", "Name,Email,Created at,Lineitem quantity,Lineitem name,Lineitem price", None),
    ],
)  # fmt: skip
def test_what_lay_in_a_shopify_cart_was_not_bought(ws, tmp_path, name, header, kind):
    row = f"#1001,{JO},2026-01-05 11:00:00 +0100,1,Comb,9.00"
    file = tmp_path / name
    file.write_text(f"{header}\n{row}\n", encoding="utf-8")
    report = ingest.import_paths(ws, [file])
    assert report.files[0].format == "shopify"
    if kind is None:  # no Financial Status: nobody can say that it was bought
        assert [reason.split(",")[0] for reason in report.skipped_by_reason] == ["no Financial Status"]
    else:
        assert by_source(ws).select("kind", "order_id", "item_name").rows() == [(kind, None, "Comb")]


def test_what_resend_puts_on_its_list_is_a_no_unless_a_bounce_did_it(ws, tmp_path):
    origins = {"a@example.test": "bounce", "b@example.test": "complaint", "c@example.test": "manual"}
    at = "2026-01-05T10:00:00.000Z"
    posts = [
        {"type": "suppression.added", "created_at": at, "data": {"id": who, "email": who, "origin": origin}}
        for who, origin in origins.items()
    ]
    again = {"type": "suppression.removed", "created_at": "2026-01-06T10:00:00.000Z", "data": {"id": "c"}}
    again["data"] |= {"email": "c@example.test", "origin": "manual"}
    report = ingest.import_paths(ws, [ndjson(tmp_path, *posts, again)])
    assert report.files[0].format == "resend"
    events = by_source(ws).sort("customer_id", "occurred_at").select("customer_id", "kind", "reason")
    assert events.rows() == [
        ("a@example.test", "profile_updated", "hard bounce"),
        ("b@example.test", "unsubscribed", "complaint"),
        ("c@example.test", "unsubscribed", "manual"),
        ("c@example.test", "subscribed", "manual"),
    ]
