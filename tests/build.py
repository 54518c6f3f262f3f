"""Small histories for tests: only what a test is about is written down."""

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from audit.events.schema import SCHEMA, conform, in_order
from audit.events.times import parse_iso
from audit.population import coverage
from audit.population.stats import Facts, none
from audit.storage.manifest import Settings
from audit.workspace.context import Context


def events(*rows: dict[str, Any]) -> pl.DataFrame:
    """Canonical events from rows such as `{"kind": "order_completed", "at": "2026-01-05T10:00"}`.

    `at` stands for occurred_at; customer_id defaults to `c_1`, event_id to `e1`, `e2`, ... in the order given,
    source_name to `test`.
    """
    filled = []
    for number, row in enumerate(rows, start=1):
        made = {"event_id": f"e{number}", "customer_id": "c_1", "source_name": "test", **row}
        moment = made.pop("at", None)
        if moment is not None:
            made["occurred_at"] = moment if isinstance(moment, datetime) else parse_iso(moment)
        unknown = set(made) - set(SCHEMA)
        assert not unknown, f"no such column: {unknown}"
        filled.append(made)
    schema = {name: dtype for name, dtype in SCHEMA.items() if any(name in row for row in filled)}
    return in_order(conform(pl.DataFrame(filled, schema=schema)))


def context(
    frame: pl.DataFrame,
    at: str | datetime | None = None,
    *,
    facts: Facts | None = None,
    campaigns: pl.DataFrame | None = None,
    settings: Settings | None = None,
    **more: Any,
) -> Context:
    """A context around `frame`: its own coverage, the newest event as the moment, no group facts; invented data."""
    from audit.flows.campaign_map import SCHEMA as CAMPAIGNS

    moment = (
        parse_iso(at)
        if isinstance(at, str)
        else at or frame["occurred_at"].max() or datetime(2026, 1, 1, tzinfo=UTC)
    )
    return Context(
        at=moment,
        coverage=coverage.summarize(coverage.daily(frame)),
        facts=facts or none(),
        campaigns=pl.DataFrame(schema=CAMPAIGNS) if campaigns is None else campaigns,
        settings=settings or Settings(synthetic=True),
        **more,
    )


def days(count: float) -> timedelta:
    return timedelta(days=count)
