"""Rules and messages for tests, and the decisions on them."""

from audit.rules import replay
from audit.rules.model import from_dict
from tests.build import context, events


def message(at, **more):
    """A marketing mail."""
    return {"kind": "message_sent", "at": at, "channel": "email", "message_class": "marketing", **more}


def cap(limit, window, **more):
    return {"id": "cap", "kind": "frequency_cap", "limit": limit, "window": window, **more}


def replayed(rows, *documents, facts=None, ids=None):
    """The replay of rules, written as tables, over events, written as rows."""
    frame = events(*rows)
    return replay.simulate(frame, [from_dict(one) for one in documents], context(frame, facts=facts), ids=ids)


def decided(rows, *documents, **more):
    """event_id → the decision on it, as a dict."""
    decisions = replayed(rows, *documents, **more).decisions
    return {row["event_id"]: row for row in decisions.iter_rows(named=True)}


def stopped(rows, *documents, **more):
    """The event_ids of the stopped messages, in order."""
    return [name for name, row in decided(rows, *documents, **more).items() if row["decision"] == "stop"]
