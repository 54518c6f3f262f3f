"""How many messages a second the replay decides: `python tests/bench/bench_simulate.py [CUSTOMERS]`.

Fifty mails a customer over a year, five rules; the median of five runs.
"""

import random
import statistics
import sys
import time
from datetime import UTC, datetime, timedelta

import polars as pl

from audit.events.schema import conform, in_order
from audit.flows.campaign_map import SCHEMA as CAMPAIGNS
from audit.population import coverage, stats
from audit.rules.files import loads
from audit.rules.replay.simulation import simulate
from audit.workspace.context import Context

RULES = """
[[rule]]
id = "week"
kind = "frequency_cap"
limit = 3
window = "7d"
[[rule]]
id = "day"
kind = "frequency_cap"
limit = 1
window = "1d"
window_kind = "calendar"
per = ["campaign"]
[[rule]]
id = "gap"
kind = "min_gap"
window = "4h"
[[rule]]
id = "bought"
kind = "cooldown"
after = "order_completed"
same = "category"
window = "repurchase"
[[rule]]
id = "night"
kind = "quiet_hours"
quiet = "21:00-08:00"
"""


def made(customers: int) -> pl.DataFrame:
    """Mails and orders of `customers` people."""
    dice, start = random.Random(1), datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        {
            "event_id": f"{customer}-{number}",
            "customer_id": f"c{customer:06d}",
            "occurred_at": start + timedelta(seconds=dice.randrange(365 * 86400)),
            "kind": "message_sent" if number < 50 else "order_completed",
            "campaign_id": f"campaign-{dice.randrange(20)}",
            "category": f"A > {dice.randrange(10)}",
            "message_class": "marketing",
            "time_zone": "Europe/Berlin",
        }
        for customer in range(customers)
        for number in range(55)
    ]
    return in_order(conform(pl.DataFrame(rows)))


def main() -> None:
    """Print messages a second, and the median time."""
    events = made(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
    context = Context(
        at=datetime(2027, 1, 1, tzinfo=UTC),
        coverage=coverage.summarize(coverage.daily(events)),
        facts=stats.count(events.lazy()),
        campaigns=pl.DataFrame(schema=CAMPAIGNS),
    )
    rules, times, messages = loads(RULES), [], 0
    for _ in range(5):
        started = time.perf_counter()
        messages = simulate(events, rules, context).decisions.height
        times.append(time.perf_counter() - started)
    median = statistics.median(times)
    print(f"{messages:,} messages, {len(rules)} rules: {median:.2f} s, {messages / median:,.0f} messages/s")


if __name__ == "__main__":
    main()
