"""Both evaluators on histories made to be hard: `python -m tests.bench.differential --decisions 1000000 [--seed N]`.

Prints how many decisions were compared and every difference; exit code 1 if there is one. All nine kinds of rules over
ties, batch sends, window edges to the microsecond, days on which clocks shift, missing and impossible zones, repeated
message rows, duplicate and out-of-order events, more than 100 sends in a window, messages put off to one moment, a no
and a yes in one instant or at the very end of the days of grace, for one channel, sender, list or topic or for all,
complaints about messages that are known and that are not, clicks, opens and complaints by people and machines, orders inside a streak, orders that are taken back, postage, and causes that are told, empty or not told at all.
"""

import argparse
import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import polars as pl

from audit.events.schema import SCHEMA, conform, in_order
from audit.population import stats
from audit.population.purchase_lines import purchase_lines
from audit.rules import model
from audit.rules.model import Rule, from_dict
from audit.rules.reference import histories
from audit.rules.replay import simulation
from audit.rules.scopes import RuleSet
from audit.why.bulk_causes import CAUSES

ZONES = (
    "Europe/Berlin", "Australia/Lord_Howe", "America/New_York", "America/St_Johns", "America/Sao_Paulo",
    "Africa/Casablanca", "Asia/Kathmandu", "Pacific/Apia", "UTC", "No/Such_Zone", None, None,
)  # fmt: skip
STARTS = (
    datetime(2026, 3, 28, 20, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC),
    datetime(2026, 4, 4, 10, tzinfo=UTC), datetime(2006, 10, 28, 22, tzinfo=UTC),
    datetime(2011, 12, 28, 9, tzinfo=UTC), datetime(2017, 10, 14, 22, tzinfo=UTC),
    datetime(1969, 12, 30, 23, tzinfo=UTC),
)  # fmt: skip
"""Before days on which some of these clocks shift."""

STEPS = (
    timedelta(0), timedelta(microseconds=1), timedelta(minutes=10), timedelta(minutes=30), timedelta(hours=1),
    timedelta(hours=4), timedelta(hours=6), timedelta(hours=6) - timedelta(microseconds=1), timedelta(days=1),
    timedelta(days=1, microseconds=1), timedelta(days=3), timedelta(days=7),
)  # fmt: skip
CATEGORIES = ("Beauty", "Beauty > Nails", "Beauty > Nails > Clippers", "Beauty > Nailsome", "Toys", None)
ACTS = (
    "order_completed", "order_completed", "product_viewed", "product_added", "profile_updated", "unsubscribed",
    "objected", "consent_withdrawn", "subscribed", "consent_given", "consent_given", "message_complained",
    "order_refunded", "order_cancelled",
)  # fmt: skip
RESPONSES = ("message_clicked", "message_opened", "message_complained")
TOPICS = (None, [], ["baby"], ["baby", "health"], ["sport"])
HOURS = (
    "21:00-08:00",
    "22:00-07:00",
    "01:30-02:15",
    "02:30-01:45",
    "00:00-00:30",
    "23:30-00:15",
    "08:00-20:00",
)


def history(dice: random.Random, customer: str) -> list[dict[str, Any]]:
    """The events of one customer, some of them twice, in no order."""
    at, names = dice.choice(STARTS), count()
    dense, home = dice.random() < 0.15, dice.choice(ZONES)
    rows: list[dict[str, Any]] = []
    for _ in range(dice.choice((1, 3, 12, 40, 160 if dense else 25))):
        at += dice.choice(STEPS[:4] if dense else STEPS)
        row = _row(dice, customer, at, home, f"{dice.choice('ab~é')}{dice.randrange(10**6)}.{next(names)}")
        if rows and dice.random() < 0.12:
            row |= _response(dice, rows)
        rows.append(row)
        for _ in range(
            dice.choice((0, 0, 0, 0, 0, 1, 2))
        ):  # a batch: the same instant, or the same message again
            again = {**row, "event_id": f"{dice.choice('ab~é')}{next(names)}"}
            if dice.random() < 0.5:
                again["occurred_at"] = at + dice.choice(STEPS[:3])
            if dice.random() < 0.5 and row["message_id"] is not None:
                again["message_id"] = f"m{next(names)}"
            rows.append(again)
    dice.shuffle(rows)
    return rows


def _response(dice: random.Random, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A click or an open, mostly of an earlier message."""
    earlier = dice.choice(rows)
    return {
        "kind": dice.choice(RESPONSES),
        "message_id": dice.choice(
            (earlier["message_id"], earlier["message_id"], f"event:{earlier['event_id']}")
        ),
        "machine": dice.choice((None, None, False, True)),
        "channel": dice.choice((None, "email", "push")),
    }


def _row(dice: random.Random, customer: str, at: datetime, home: str | None, event_id: str) -> dict[str, Any]:
    message = dice.random() < 0.75
    return {
        "event_id": event_id,
        "customer_id": customer,
        "occurred_at": at,
        "kind": "message_sent" if message else dice.choice(ACTS),
        "message_id": f"m{event_id}" if message and dice.random() < 0.7 else None,
        "channel": dice.choice(("email", "email", "push", None)),
        "message_class": dice.choice(
            ("marketing", "marketing", "marketing", "transactional", "service", None)
        ),
        "campaign_id": dice.choice(("news", "cart", "sale", None)),
        "campaign_name": dice.choice(("News", None)),
        "item_id": dice.choice(("1", "2", "3", None)),
        "item_name": dice.choice((None, None, "Pan", "Postage")),
        "quantity": dice.choice((None, None, 1.0, 2.0, 3.0, -1.0)),
        "price": dice.choice((None, 5.0)),
        "category": dice.choice(CATEGORIES),
        "topics": dice.choice(TOPICS),
        "order_id": dice.choice(("o1", "o2", "o3", "", None)),
        "sender": dice.choice(("A", "B", None)),
        "list_id": dice.choice(("news", "news", "offers", None)),
        "time_zone": dice.choice((home, home, home, None, dice.choice(ZONES))),
        "machine": None,
    }


def rule(dice: random.Random, number: int, event_ids: Sequence[str]) -> dict[str, Any]:
    """One rule of any kind; `event_ids` are those of the history."""
    kind = dice.choice(KINDS)
    made: dict[str, Any] = {"id": f"r{number}", "kind": kind if dice.random() > 0.03 else "mute"}
    if made["kind"] != "mute":
        made |= _OWN[kind](dice)
    if model.KINDS[made["kind"]].may_defer:
        made["on_fail"] = dice.choice(("drop", "drop", "defer"))
    if made["kind"] == "exclude_event":
        made["events"] = dice.sample(event_ids, k=max(1, len(event_ids) * dice.choice((1, 7, 9)) // 10))
    return made | _scopes(dice) | _validity(dice)


def _cap(dice: random.Random) -> dict[str, Any]:
    made = {
        "limit": dice.choice((0, 1, 1, 2, 2, 3, 5, 20, 40, 100)),
        "per": dice.choice(
            (["customer"], ["customer"], ["campaign"], ["channel", "category"], ["item", "sender"])
        ),
        "exempt_counts": dice.random() < 0.2,
    }
    if dice.random() < 0.5:
        return made | {"window": dice.choice(("30m", "6h", "1d", "7d", "4w"))}
    return made | {
        "window_kind": "calendar",
        "window": dice.choice(("1h", "1d", "1d", "1w", "1mo")),
        "time_zone": dice.choice(("customer", "customer", "UTC", "Australia/Lord_Howe", "America/St_Johns")),
        "week_start": dice.choice(("monday", "sunday", "thursday")),
    }


def _gap(dice: random.Random) -> dict[str, Any]:
    return {"window": dice.choice(("10m", "6h", "1d")), "per": dice.choice((["customer"], ["campaign"]))}


def _cooldown(dice: random.Random) -> dict[str, Any]:
    made: dict[str, Any] = {
        "after": dice.choice(("order_completed", ["product_viewed", "product_added"], "unsubscribed")),
        "window": dice.choice(("6h", "1d", "7d", "repurchase")),
        "same": dice.choice(("nothing", "item", "category", "category", "campaign")),
        "fallback": dice.choice(("1d", "180d")),
    }
    if made["same"] == "category" and dice.random() < 0.5:
        made["depth"] = dice.choice((1, 2, 5))
    return made


def _quiet(dice: random.Random) -> dict[str, Any]:
    zone = dice.choice(("customer", "customer", "customer", "America/New_York"))
    return {"quiet": dice.choice(HOURS), "time_zone": zone}


def _consent(dice: random.Random) -> dict[str, Any]:
    return {"grace": dice.choice(("0d", "0d", "30m", "6h", "1d", "7d"))}


def _sunset(dice: random.Random) -> dict[str, Any]:
    return {
        "unengaged": dice.choice((1, 1, 2, 3, 5, 20)),
        "engagement": dice.choice(("click", "click", "open")),
        "per": dice.choice((["customer"], ["customer"], ["campaign"], ["channel", "category"])),
    }


def _nothing(dice: random.Random) -> dict[str, Any]:
    return {}


_OWN = {
    "frequency_cap": _cap, "min_gap": _gap, "cooldown": _cooldown, "quiet_hours": _quiet, "consent": _consent,
    "sunset": _sunset, "sensitive": _nothing, "exclude_event": _nothing,
}  # fmt: skip
KINDS = ("frequency_cap", "frequency_cap", "frequency_cap", *_OWN)


def _scopes(dice: random.Random) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if dice.random() < 0.5:
        made |= dice.choice(
            (
                {"channels": ["email"]}, {"except_channels": ["push"]}, {"campaigns": ["news", "News"]},
                {"except_campaigns": ["cart"]}, {"categories": ["Beauty > Nails"]},
                {"except_categories": ["Beauty > Nails"]}, {"topics": ["baby", "none"]},
                {"except_topics": ["health"]}, {"items": ["1", "2"]}, {"except_senders": ["A"]},
                {"customers": ["source-1", "c00002"]}, {"except_customers": ["c00001"]},
            )
        )  # fmt: skip
    if dice.random() < 0.3:
        made["message_classes"] = dice.choice((["marketing", "service"], ["transactional"], ["service"]))
    return made


def _validity(dice: random.Random) -> dict[str, Any]:
    if dice.random() < 0.8:
        return {}
    start = dice.choice(STARTS) + dice.choice(STEPS)
    return dice.choice(
        (
            {"valid_from": start},
            {"valid_until": start},
            {"valid_from": start, "valid_until": start + dice.choice((*STEPS[1:], timedelta(days=60)))},
        )
    )


def case(seed: int, customers: int) -> tuple[pl.DataFrame, list[Rule], pl.DataFrame | None]:
    """Events of some customers, a set of rules, and the causes of the messages, now and then not told."""
    dice = random.Random(seed)
    rows = [row for number in range(customers) for row in history(dice, f"c{number:05d}")]
    schema = {name: SCHEMA[name] for name in rows[0]}
    events = in_order(conform(pl.DataFrame(rows, schema=schema)))
    names = [row["event_id"] for row in rows]
    rules = [from_dict(rule(dice, number, names)) for number in range(dice.choice((1, 1, 2, 3, 5, 8)))]
    return events, rules, causes(dice, events) if dice.random() < 0.9 else None


def causes(dice: random.Random, events: pl.DataFrame) -> pl.DataFrame:
    """A few earlier events and topics for most messages; no row for some."""
    made, earlier = [], {}
    for customer, event_id in histories.sent(events).select("customer_id", "event_id").rows():
        known = earlier.setdefault(customer, [])
        if dice.random() < 0.9:
            why = dice.sample(known, k=min(len(known), dice.choice((0, 1, 1, 2))))
            topics = dice.choice((*TOPICS[1:], [], []))
            made.append((customer, event_id, why, topics))
        known.append(event_id)
    return pl.DataFrame(made, schema=CAUSES, orient="row")


def count_facts(events: pl.LazyFrame) -> stats.Facts:
    """What rules ask of everybody: how long until a category is bought again, and where anybody is known to respond."""
    intervals = stats._intervals(purchase_lines(events))
    return replace(stats.none(), intervals=intervals, engaged=stats.engagement(events))


def differences(
    events: pl.DataFrame, rules: list[Rule], why: pl.DataFrame | None = None
) -> tuple[int, list[str]]:
    """How many decisions both evaluators made, and in which columns and messages they differ."""
    taking_part = RuleSet(rules, {"source-1": "c00001"})
    messages, facts = histories.sent(events), count_facts(events.lazy())
    expected = simulation.decide(messages, events, taking_part, facts, causes=why, compiled=False)
    made = simulation.decide(messages, events, taking_part, facts, causes=why, compiled=True)
    if made.schema != expected.schema or made.height != expected.height:
        return expected.height, [f"columns or rows: {made.schema} {made.height}"]
    found = []
    for name in expected.columns:
        wrong = expected[name].ne_missing(made[name])
        if wrong.any():
            first = wrong.arg_true()[0]
            found.append(
                f"{name}: {wrong.sum()} differ, first {expected.row(first, named=True)}: {made[name][first]!r}"
            )
    return expected.height, found


def main() -> int:
    """Compare until enough decisions were made."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--decisions", type=int, default=1_000_000)
    parser.add_argument(
        "--seed", type=int, default=1, help="of the first set of rules; each next one is one higher"
    )
    parser.add_argument("--customers", type=int, default=100, help="of each set of rules")
    asked = parser.parse_args()
    done, sets, wrong = 0, 0, 0
    while done < asked.decisions:
        seed = asked.seed + sets
        number, found = differences(*case(seed, asked.customers))
        for one in found:
            print(f"seed {seed}: {one}")
        done, sets, wrong = done + number, sets + 1, wrong + len(found)
        if sets % 50 == 0:
            print(f"{done:,} decisions", file=sys.stderr)
    print(f"{done:,} decisions by {sets} sets of rules: {wrong} differences")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
