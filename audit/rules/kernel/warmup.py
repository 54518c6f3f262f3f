"""One decision by the compiled code, so that it is compiled or loaded."""

from datetime import UTC, datetime

import polars as pl

from audit.events.schema import SCHEMA, conform
from audit.population.stats import none
from audit.rules.kernel import totals
from audit.rules.model import from_dict
from audit.rules.reference import histories
from audit.rules.scopes import RuleSet


def up() -> None:
    """Decide one message by one rule."""
    row = {
        "event_id": "e",
        "customer_id": "c",
        "occurred_at": datetime(2026, 1, 1, tzinfo=UTC),
        "kind": "message_sent",
    }
    events = conform(pl.DataFrame([row], schema={name: SCHEMA[name] for name in row})).with_row_index("row")
    rule = from_dict({"id": "r", "kind": "min_gap", "window": "1d"})
    totals.of(histories.sent(events), events, RuleSet([rule]), none())
