"""A letter says of a no, of a silence and of a fault only what still holds when everything else of the customer is looked at."""

from pathlib import Path

import pytest

from audit.ingest import import_paths
from audit.queries import documents
from audit.workspace.workspace import Workspace

COLUMNS = ("customer_id", "event_id", "occurred_at", "kind", "channel", "campaign_id", "subject", "sender")
MANY = 12


def workspace(folder: Path, *rows: tuple[str, ...]) -> Workspace:
    """Rows of the customer `a`: day of 2026 as `03-01`, kind, channel, campaign, subject, sender."""
    lines = [",".join(COLUMNS)]
    for number, (day, *fields) in enumerate(rows):
        padded = [*fields, *[""] * (len(COLUMNS) - 3 - len(fields))]
        lines.append(",".join(("a", f"e{number:02}", f"2026-{day}T12:00:00Z", *padded)))
    lines.append("b,z1,2026-06-30T12:00:00Z,message_sent,email,other,Hello,")
    folder.mkdir(exist_ok=True)
    file = folder / "events.csv"
    file.write_text("\n".join(lines), encoding="utf-8")
    made = Workspace.create(folder / "ws", synthetic=True)
    import_paths(made, [file])
    return made


def letter(ws: Workspace, check: str, locale: str = "en", case: str | None = None) -> str:
    found = next(
        row
        for row in documents.audit(ws, "a").findings
        if row.check == check and (case is None or row.case == case)
    )
    return documents.report(ws, "a", kind="reply", locale=locale, finding=found.id).written("txt")


SENT = ("message_sent", "email", "news", "News")


@pytest.mark.parametrize(("locale", "stands", "again"), [
    ("en", "stands", "On 5 March 2026 you said yes to our e-mails again."),
    ("de", "gilt", "Am 5. März 2026 haben Sie zu unseren E-Mails wieder Ja gesagt."),
])  # fmt: skip
def test_a_no_that_was_taken_back_does_not_stand(
    tmp_path: Path, locale: str, stands: str, again: str
) -> None:
    ws = workspace(
        tmp_path,
        ("03-01", "unsubscribed", "email"),
        ("03-02", *SENT),
        ("03-05", "subscribed", "email"),
        ("03-07", *SENT),
    )
    text = letter(ws, "after-opt-out", locale)
    assert again in text
    assert stands not in text


def test_the_no_that_stands_is_the_newest(tmp_path: Path) -> None:
    ws = workspace(
        tmp_path,
        ("03-01", "unsubscribed", "email"),
        ("03-02", *SENT),
        ("03-05", "subscribed", "email"),
        ("03-20", "unsubscribed", "email"),
        ("03-21", *SENT),
    )
    assert "That you unsubscribed on 20 March 2026 stands" in letter(ws, "after-opt-out")


def test_none_is_said_to_have_come_since_where_one_came(tmp_path: Path) -> None:
    ws = workspace(
        tmp_path,
        ("03-01", "unsubscribed", "email"),
        ("03-02", *SENT),
        ("03-05", "subscribed", "email"),
        ("03-07", "message_sent", "email", "else", "Something else"),
    )
    text = letter(ws, "after-opt-out")
    assert "Others like them came until 7 March 2026, and none has come since" in text
    assert "2 March 2026 they hold" not in text


def test_what_was_unsubscribed_from_is_called_by_its_channel(tmp_path: Path) -> None:
    ws = workspace(tmp_path, ("03-01", "unsubscribed", "sms"), ("03-02", *SENT))
    assert "You unsubscribed from our text messages on 1 March 2026." in letter(ws, "after-opt-out")
    assert "Am 1. März 2026 haben Sie unsere SMS-Nachrichten abbestellt." in letter(ws, "after-opt-out", "de")


def test_all_that_came_after_a_no_are_counted(tmp_path: Path) -> None:
    ws = workspace(
        tmp_path,
        ("03-01", "unsubscribed", "email"),
        ("03-02", *SENT),
        ("03-20", *SENT),
        ("03-22", *SENT),
    )
    (breach,) = [row for row in documents.audit(ws, "a").findings if row.case == "breach"]
    assert (
        breach.text
        == "2 mails after the opt-out of 2026-03-01 (unsubscribed), later than the 48 hours that a sender has."
    )
    assert "One more came on 2 March 2026." in letter(ws, "after-opt-out", case="breach")
    assert "2 weitere kamen, die erste am 20. März 2026, die letzte am 22. März 2026." in letter(
        ws, "after-opt-out", "de", case="within_grace"
    )


def test_what_cannot_be_told_is_no_fault_in_a_letter_and_nothing_in_why(tmp_path: Path) -> None:
    days = [("04-01", "order_completed", "", "", "", "")]
    days += [(f"05-{day:02}", *SENT) for day in range(1, 29, 3)]
    ws = workspace(tmp_path, *days)
    found = next(row for row in documents.audit(ws, "a").findings if row.check == "ignored-streak")
    assert found.verdict == "cannot_tell"
    for locale, fault, untold in (
        ("en", "taken that as a hint", "This we could not check"),
        ("de", "als Hinweis", "Nicht prüfen konnten wir"),
    ):
        text = letter(ws, "ignored-streak", locale)
        assert fault not in text
        assert untold in text
    told = documents.explain(ws, "a", finding=found.id)
    assert told.standing == "cannot_tell"
    assert told.counterfactual is None
    assert told.until_text.startswith("Nothing in this data says when it stops.")


def test_who_has_said_no_is_not_told_that_a_no_should_end_it(tmp_path: Path) -> None:
    ws = workspace(tmp_path, ("03-01", "unsubscribed", "email"), ("03-20", *SENT))
    assert "The customer has already said no" in documents.explain(ws, "a", message="e01").until_text


def test_a_no_to_another_channel_ends_nothing_here(tmp_path: Path) -> None:
    ws = workspace(tmp_path, ("03-01", "unsubscribed", "sms"), ("03-20", *SENT))
    assert "Unsubscribing should end it" in documents.explain(ws, "a", message="e01").until_text


def test_who_has_said_no_is_not_offered_to_say_it(tmp_path: Path) -> None:
    burst = [("03-01", *SENT)] * 5
    ws = workspace(tmp_path / "no", *burst, ("03-03", "unsubscribed", "email"))
    assert "unsubscribe from them" not in letter(ws, "over-frequency")
    again = workspace(
        tmp_path / "yes", *burst, ("03-03", "unsubscribed", "email"), ("03-04", "subscribed", "email")
    )
    assert "unsubscribe from them" in letter(again, "over-frequency")


def test_a_message_without_a_subject_is_told_without_an_id(tmp_path: Path) -> None:
    ws = workspace(tmp_path, *[("03-01", "message_sent", "email")] * 5)
    text = letter(ws, "over-frequency")
    assert "1 March 2026: without a subject in our records" in text
    assert "e04" not in text
    assert "1. März 2026: ohne Betreff in unseren Aufzeichnungen" in letter(ws, "over-frequency", "de")


def test_what_came_before_a_no_did_not_come_after_it(tmp_path: Path) -> None:
    ws = workspace(
        tmp_path,
        ("03-01", "unsubscribed", "email"),
        ("03-02", *SENT),
        ("03-05", "subscribed", "email"),
        ("03-20", "unsubscribed", "email"),
        ("03-21", *SENT),
        ("03-25", *SENT),
    )
    text = letter(ws, "after-opt-out", case="breach")
    assert "One more came on 21 March 2026." in text
    assert "2 March" not in text
