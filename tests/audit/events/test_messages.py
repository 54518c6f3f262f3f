"""Rows are not messages: what stands for a message, and what happened to it, held against plain Python."""

from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from audit.events.messages import messages, orphans
from tests.build import events

SENDING = ("message_sent", "message_suppressed", "message_attempted")
ACTS = (
    "message_delivered",
    "message_opened",
    "message_clicked",
    "message_bounced",
    "message_complained",
)
FLAGS = (
    "sent", "suppressed", "attempted", "delivered", "bounced", "complained", "opened", "clicked", "machine_opened",
)  # fmt: skip


def mail(at: str = "2026-03-02T09:00", **more: Any) -> dict[str, Any]:
    return {"kind": "message_sent", "message_id": "m", "at": at, **more}


def one(*rows: dict[str, Any]) -> dict[str, Any]:
    (row,) = messages(events(*rows)).to_dicts()
    return row


# -- what stands for a message ----------------------------------------------------------------------------------------


def test_eighteen_device_rows_are_one_message() -> None:
    assert one(*(mail(device_id=str(number)) for number in range(18)))["device_id"] == "0"


def test_the_first_sent_row_stands_for_it_whatever_was_attempted_before() -> None:
    row = one(
        mail("2026-03-02T08:00", kind="message_attempted", subject="attempted"),
        mail("2026-03-02T08:30", kind="message_suppressed", subject="suppressed"),
        mail("2026-03-02T10:00", subject="later"),
        mail("2026-03-02T09:00", subject="first"),
    )
    assert row["subject"] == "first"
    assert row["sent"]
    assert row["suppressed"]
    assert row["attempted"]


def test_a_suppressed_row_stands_before_an_attempted_one() -> None:
    row = one(
        mail("2026-03-02T08:00", kind="message_attempted"),
        mail("2026-03-02T09:00", kind="message_suppressed"),
    )
    assert row["kind"] == "message_suppressed"
    assert not row["sent"]


def test_of_rows_in_one_instant_the_first_by_event_id_as_text_stands() -> None:
    assert one(mail(event_id="e9"), mail(event_id="e10"))["event_id"] == "e10"


def test_its_fields_are_those_of_the_standing_row_alone() -> None:
    row = one(mail(subject=None), mail("2026-03-02T09:01", subject="Deals"))
    assert row["subject"] is None


def test_rows_without_a_message_id_are_messages_of_their_own() -> None:
    made = messages(events(mail(message_id=None), mail(message_id=None)))
    assert made["message_key"].to_list() == ["event:e1", "event:e2"]


def test_one_message_id_at_two_customers_is_two_messages() -> None:
    made = messages(events(mail(), mail(customer_id="c_2"), mail(customer_id="c_2", kind="message_opened")))
    assert made.select("customer_id", "opened").rows() == [("c_1", False), ("c_2", True)]


def test_what_only_a_mailbox_saw_is_no_message_that_was_sent() -> None:
    assert messages(events(mail(kind="message_received"))).is_empty()


# -- what happened to it ----------------------------------------------------------------------------------------------


def test_machines_open_and_click_nothing_for_a_person() -> None:
    row = one(
        mail(),
        mail("2026-03-02T09:01", kind="message_opened", machine=True),
        mail("2026-03-02T09:01", kind="message_clicked", machine=True),
    )
    assert (row["opened"], row["clicked"], row["machine_opened"]) == (False, False, True)
    assert row["opened_at"] is None
    assert row["clicked_at"] is None


def test_an_act_that_says_nothing_of_machines_is_a_persons() -> None:
    row = one(mail(), mail("2026-03-02T09:05", kind="message_opened", machine=None))
    assert (row["opened"], row["machine_opened"]) == (True, False)


def test_engagement_without_its_message_is_an_orphan_once() -> None:
    frame = events(
        mail(),
        mail(kind="message_opened"),
        mail(kind="message_opened", message_id="lost"),
        mail(kind="message_clicked", message_id="lost"),
        mail(kind="message_opened", message_id="m", customer_id="c_2"),
    )
    assert orphans(frame).rows() == [("c_1", "lost"), ("c_2", "m")]


# -- the whole, held against plain Python -----------------------------------------------------------------------------

ROW = st.fixed_dictionaries(
    {
        "kind": st.sampled_from([*SENDING, *ACTS, "message_received", "order_completed", "unsubscribed"]),
        "customer_id": st.sampled_from(["c_1", "c_2"]),
        "message_id": st.sampled_from(["m1", "m2", "007", None]),
        "at": st.sampled_from(["2026-03-02T09:00", "2026-03-02T09:01", "2026-03-03"]),
        "machine": st.sampled_from([True, False, None]),
        "subject": st.sampled_from(["a", "b", None]),
    }
)


def key(row: dict[str, Any]) -> tuple[str, str]:
    return row["customer_id"], row["message_id"] or f"event:{row['event_id']}"


def expected(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What `messages` promises, row by row; `rows` are in order."""
    made = []
    for name in dict.fromkeys(key(row) for row in rows):
        own = [row for row in rows if key(row) == name]
        standing = next((row for kind in SENDING for row in own if row["kind"] == kind), None)
        if standing is None:
            continue
        human = {
            act: [row["occurred_at"] for row in own if row["kind"] == f"message_{act}" and not row["machine"]]
            for act in ("opened", "clicked")
        }
        flags = {flag: any(row["kind"] == f"message_{flag}" for row in own) for flag in FLAGS[:6]}
        made.append(
            standing
            | flags
            | {
                "message_key": name[1],
                "opened": bool(human["opened"]),
                "clicked": bool(human["clicked"]),
                "machine_opened": any(row["kind"] == "message_opened" and row["machine"] for row in own),
                "opened_at": min(human["opened"], default=None),
                "clicked_at": min(human["clicked"], default=None),
            }
        )
    return sorted(made, key=lambda row: (row["customer_id"], row["occurred_at"], row["event_id"]))


@given(st.lists(ROW, min_size=1, max_size=25))
def test_any_history_gives_what_the_promise_says(rows: list[dict[str, Any]]) -> None:
    frame = events(*rows)
    assert messages(frame).to_dicts() == expected(frame.to_dicts())


@given(st.lists(ROW, min_size=1, max_size=25))
def test_every_engagement_belongs_to_a_message_or_is_an_orphan(rows: list[dict[str, Any]]) -> None:
    frame = events(*rows)
    held = set(messages(frame).select("customer_id", "message_key").rows())
    lost = orphans(frame).rows()
    engaged = {key(row) for row in frame.to_dicts() if row["kind"] in ACTS}
    assert len(lost) == len(set(lost))
    assert set(lost) == engaged - held


@given(st.lists(ROW, min_size=1, max_size=25))
def test_customers_together_give_what_each_alone_gives(rows: list[dict[str, Any]]) -> None:
    frame = events(*rows)
    alone = [messages(each) for each in frame.partition_by("customer_id", maintain_order=True)]
    assert messages(frame).equals(pl.concat(alone))
