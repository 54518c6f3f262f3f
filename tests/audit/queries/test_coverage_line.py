from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from audit.population import coverage
from audit.population.coverage import Coverage, Span
from audit.queries.reports import limits


def covering(*gaps: tuple[date, date], **kinds: datetime) -> Coverage:
    return Coverage({}, {kind: Span(first=last, last=last, rows=1) for kind, last in kinds.items()}, gaps)


ALL = {
    kind: datetime(2026, 11, 20, 23, 59, tzinfo=UTC)
    for kind in ("product_viewed", "message_sent", "message_opened", "message_clicked", "unsubscribed")
}


def test_it_says_how_far_orders_views_and_messages_reach_and_what_is_absent() -> None:
    orders = datetime(2026, 11, 21, 9, 12, tzinfo=UTC)
    mails = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)
    line = limits.line(covering(order_completed=orders, message_sent=mails, message_clicked=mails))
    assert (
        line
        == "data: orders to 21 Nov 2026 09:12 · messages to 20 Nov 23:59 · no views · no opens · no opt-outs"
    )


def test_the_year_stands_again_where_it_changes() -> None:
    old = datetime(2025, 1, 2, 3, 4, tzinfo=UTC)
    line = limits.line(covering(**{**ALL, "order_completed": old}))
    assert line == "data: orders to 2 Jan 2025 03:04 · views to 20 Nov 2026 23:59 · messages to 20 Nov 23:59"


def test_the_year_stands_where_the_newest_event_of_all_is_of_another() -> None:
    old = datetime(2021, 5, 17, 8, tzinfo=UTC)
    known = covering(
        order_completed=old, message_sent=old, product_viewed=old, segment_snapshot=ALL["message_sent"]
    )
    assert limits.line(known).startswith(
        "data: orders to 17 May 2021 08:00 · views to 17 May 2021 08:00 · messages to 17 May 2021 08:00"
    )


@pytest.mark.parametrize(
    ("gaps", "words"),
    [
        ([(date(2026, 10, 3), date(2026, 10, 5))], "gap 3–5 Oct"),
        ([(date(2026, 10, 3), date(2026, 10, 3))], "gap 3 Oct"),
        ([(date(2026, 9, 30), date(2026, 10, 2))], "gap 30 Sep–2 Oct"),
        ([(date(2025, 12, 30), date(2026, 1, 2))], "gap 30 Dec 2025–2 Jan 2026"),
        (
            [(date(2026, 1, 3), date(2026, 1, 5)), (date(2026, 10, 3), date(2026, 10, 5))],
            "2 gaps, last 3–5 Oct",
        ),
    ],
)
def test_gaps_are_named_the_newest_first(gaps: list[tuple[date, date]], words: str) -> None:
    assert limits.line(covering(*gaps, **ALL)).split(" · ")[-1] == words


def test_a_gap_stands_with_what_it_is_of() -> None:
    shown, mails = date(2026, 9, 1), date(2026, 10, 3)
    known = replace(
        covering(
            (shown, shown), (mails, date(2026, 10, 5)), **{**ALL, "order_completed": ALL["message_sent"]}
        ),
        silent=(
            (shown, shown, frozenset({"recommendation_shown"})),
            (mails, date(2026, 10, 5), frozenset({"message_sent", "message_clicked"})),
        ),
    )
    told = limits.line(known)
    assert told.endswith("views to 20 Nov 23:59 · messages to 20 Nov 23:59, gap 3–5 Oct")
    assert limits.line(coverage.of_document(known.document())) == told


def test_a_workspace_without_events_says_what_it_lacks() -> None:
    assert (
        limits.line(covering())
        == "data: no orders · no views · no messages · no opens · no clicks · no opt-outs"
    )


def test_coverage_comes_back_out_of_its_own_json() -> None:
    whole = covering((date(2026, 10, 3), date(2026, 10, 5)), **ALL)
    assert coverage.of_document(whole.document()) == whole
