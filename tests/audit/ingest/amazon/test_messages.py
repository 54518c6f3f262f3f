"""What was sent, what was not, and what came of it."""

from datetime import UTC, datetime

import pytest

from audit.events.messages import messages, orphans
from audit.events.schema import conform, in_order
from tests.audit.ingest.amazon import exports as ex

SENT = "OutboundNotifications.SentNotifications.csv"
ENGAGEMENT = "OutboundNotifications.NotificationEngagementEvents.csv"
PUSH = "OutboundNotifications.PushSentData.csv"
FEEDBACK = "OutboundNotifications.EmailDeliveryStatusFeedback.csv"
PREFERENCES = "CustomerCommunicationExperience.Preferences/CustomerCommunicationExperience.Preferences.csv"
METADATA = "Retail.OutboundNotifications/Retail.OutboundNotifications.notificationMetadata.csv"


def counted(events):
    return messages(in_order(conform(events)))


def test_a_time_does_not_prove_a_send(tmp_path):
    content = ex.table(ex.SENT, ex.sent("a", "04/25/2021 14:09"), ex.sent("b", "04/25/2021 14:10", was="No"))
    made = ex.one(tmp_path, SENT, content)
    assert made.select("message_id", "kind", "sender", "campaign_id", "channel").rows() == [
        ("a", "message_sent", "Amazon.it", "1", "email"),
        ("b", "message_suppressed", "Amazon.it", "1", "email"),
    ]
    assert made["occurred_at"][0] == datetime(2021, 4, 25, 14, 9, tzinfo=UTC)


def test_channels_in_the_fields_words_and_an_empty_type_is_unknown(tmp_path):
    kinds = ["Email", "Mobile Push", "Mobile Text", "", "Carrier Pigeon"]
    rows = [ex.sent(str(n), f"04/25/2021 14:0{n}", kind=kind) for n, kind in enumerate(kinds)]
    made = ex.one(tmp_path, SENT, ex.table(ex.SENT, *rows))
    assert made["channel"].to_list() == ["email", "push", "sms", None, "carrier pigeon"]


def test_a_repeated_message_is_one_message_and_an_equal_row_no_row_at_all(tmp_path):
    first, later = ex.sent("a", "04/25/2021 14:09"), ex.sent("a", "04/26/2021 14:09")
    made = ex.one(tmp_path, SENT, ex.table(ex.SENT, first, first, later))
    assert made.height == 2
    assert counted(made).height == 1


def test_neither_yes_nor_no_is_refused_without_quoting_it(tmp_path):
    path = ex.zipped(
        tmp_path / "e.zip", {SENT: ex.table(ex.SENT, ex.sent("a", "04/25/2021 14:09", was="secret@x.de"))}
    )
    (batch,) = ex.batches(path)
    assert batch.events.is_empty()
    assert "secret" in batch.rejected["raw"][0]
    assert "secret" not in batch.rejected["reason"][0]


def test_opens_repeat_clicks_count_orphans_are_kept(tmp_path):
    files = {
        SENT: ex.table(ex.SENT, ex.sent("a", "04/25/2021 14:09")),
        ENGAGEMENT: ex.table(
            ex.ENGAGEMENT,
            ex.engaged("a", "04/25/2021 15:00"),
            ex.engaged("a", "04/25/2021 15:00"),
            ex.engaged("a", "04/25/2021 16:00"),
            ex.engaged("a", "04/25/2021 16:01", "Link Click"),
            ex.engaged("z", "04/25/2021 17:00"),
        ),
    }
    made = ex.events(ex.zip_of_zips(tmp_path / "e.zip", files))
    kinds = made["kind"].value_counts().sort("kind").rows()
    assert kinds == [("message_clicked", 1), ("message_opened", 3), ("message_sent", 1)]
    assert counted(made).select("opened", "clicked").rows() == [(True, True)]
    assert orphans(in_order(conform(made)))["message_key"].to_list() == ["z"]


def test_device_rows_of_a_push_are_one_message(tmp_path):
    files = {
        SENT: ex.table(ex.SENT, ex.sent("a", "04/25/2021 14:09", kind="Mobile Push")),
        PUSH: ex.table(
            ex.PUSH,
            *(
                ["Amazon.it", "EU", "Yes", "a", n, "04/25/2021 14:09", "04/25/2021 14:09", "Phone"]
                for n in (1, 2, 2)
            ),
            *(
                ["Amazon.it", "EU", was, "only here", n, "04/26/2021 14:09", "", "Phone"]
                for n, was in ((1, "No"), (2, "Yes"))
            ),
        ),
    }
    path = ex.zip_of_zips(tmp_path / "e.zip", files)
    assert counted(ex.events(path)).select("message_id", "sent").rows() == [("a", True), ("only here", True)]
    push = next(batch for batch in ex.batches(path) if "Push" in batch.path)
    assert push.rows == 5
    assert sum(push.skipped.values()) == 4


def test_feedback_says_delivered_or_bounced_and_why(tmp_path):
    rows = (
        ["a", "1", "Delivery", "", "", "EU", "04/25/2021 14:09"],
        ["b", "1", "Bounce", "Permanent", "no such box", "EU", "04/25/2021 14:10"],
    )
    made = ex.one(tmp_path, FEEDBACK, ex.table(ex.FEEDBACK, *rows))
    assert made.select("message_id", "kind", "reason", "channel").rows() == [
        ("a", "message_delivered", None, "email"),
        ("b", "message_bounced", "Permanent: no such box", "email"),
    ]


def test_metadata_is_kept_apart_and_is_no_message(tmp_path):
    header = b"\xef\xbb\xbfMessage Id, Channel, From Address, To Address, Sent Time, Delivery Status, Additional Delivery Message, Message Content\n"
    body = (
        b'f00d,EMAIL,store@example.com,jo@example.com,Mon Mar 01 08:00:00 UTC 2021,SENT,null,"Dear Jo,\nline ""two"""\n'
        b"f00e,SMS,store@example.com,jo@example.com,Tue Mar 02 08:00:00 UTC 2021,NOT SENT,null,x\n"
        b"\nFile Summary:\nTotal: 2\n"
    )
    path = ex.zipped(tmp_path / "e.zip", {METADATA: header + body})
    made = ex.events(path)
    assert made.select("message_id", "kind", "reason", "channel", "source_name").rows() == [
        ("f00d", "decision_made", "SENT", "email", "Amazon notification metadata"),
        ("f00e", "decision_made", "NOT SENT", "sms", "Amazon notification metadata"),
    ]
    assert counted(made).is_empty()
    (batch,) = ex.batches(path)
    assert (batch.rows, batch.skipped) == (4, {"the footer of the file": 2})
    assert set(batch.identifiers.select("field", "value").rows()) == {
        ("email", "jo@example.com"),
        ("other", "store@example.com"),
        ("other", 'Dear Jo,\nline "two"'),
        ("other", "x"),
    }


@pytest.mark.parametrize(
    ("action", "kind", "reason"),
    [
        ("Subscription", "subscribed", None),
        ("Unsubscription", "unsubscribed", "Unsubscription"),
        ("Paused?", "unsubscribed", "Paused?"),
    ],
)
def test_any_preference_but_a_subscription_is_a_no_shown_as_it_is(tmp_path, action, kind, reason):
    row = ["AIID", "7", "Deals", "CAFE:personalized", "PUSH", action, "3/9/21 4:05:06 PM UTC", "Amazon.it"]
    (made,) = ex.one(tmp_path, PREFERENCES, ex.table(ex.PREFERENCES, row)).iter_rows(named=True)
    assert made["kind"] == kind
    assert made.get("reason") == reason
    assert made["channel"] == "push"
    assert made["topics"] == ["CAFE:personalized"]
    assert made["list_id"] == "7"
    assert made["occurred_at"] == datetime(2021, 3, 9, 16, 5, 6, tzinfo=UTC)
