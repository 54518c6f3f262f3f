"""Short ways to write what these tests are about."""

from datetime import datetime
from typing import Any

import polars as pl

from audit import findings
from audit.privacy.role_view import RoleView
from tests import build


def mail(at: str | datetime, **columns: Any) -> dict[str, Any]:
    """A marketing mail."""
    return {"kind": "message_sent", "at": at, "channel": "email", "message_class": "marketing", **columns}


def order(at: str | datetime, **columns: Any) -> dict[str, Any]:
    """An order."""
    return {"kind": "order_completed", "at": at, **columns}


def act(kind: str, at: str | datetime, **columns: Any) -> dict[str, Any]:
    """Any other event."""
    return {"kind": kind, "at": at, **columns}


def found(check: str, *rows: dict[str, Any], named: bool = True, **context: Any) -> list[dict[str, Any]]:
    """What one check finds in these events; not `named`, as it is told to somebody who is not told sensitive topics."""
    return found_in(check, build.events(*rows), named=named, **context)


def found_in(check: str, events: pl.DataFrame, *, named: bool = True, **context: Any) -> list[dict[str, Any]]:
    """What one check finds in a frame of events."""
    view = RoleView(names_sensitive=named)
    view.learn(events)
    return view.shown(findings.find(events, build.context(events, **context), checks=[check])).to_dicts()
