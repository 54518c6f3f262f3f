"""Rules and messages for tests, and the decisions on them."""

from dataclasses import replace

import polars as pl

from audit.population.stats import engagement, none
from audit.rules.model import from_dict
from audit.rules.replay import simulation
from tests.build import context, events


def message(at, **more):
    """A marketing mail."""
    return {"kind": "message_sent", "at": at, "channel": "email", "message_class": "marketing", **more}


def act(kind, at, **more):
    return {"kind": kind, "at": at, **more}


def cap(limit, window, **more):
    return {"id": "cap", "kind": "frequency_cap", "limit": limit, "window": window, **more}


def engaged(*rows):
    """Group facts of a workspace that holds `rows`, of which only the responses are known."""
    return replace(none(), engaged=engagement(events(*rows).lazy()))


def causes(customer="c_1", **of):
    """The columns that rules read: event_id=(causes, sensitive topics)."""
    rows = [(customer, name, list(why), list(topics)) for name, (why, topics) in of.items()]
    lists = pl.List(pl.String)
    schema = {"customer_id": pl.String, "event_id": pl.String, "causes": lists, "sensitive": lists}
    return pl.DataFrame(rows, schema=schema, orient="row")


def replayed(rows, *documents, facts=None, ids=None, causes=None):
    """The replay of rules, written as tables, over events, written as rows; they are the whole workspace."""
    frame = events(*rows)
    known = context(frame, facts=facts or engaged(*rows))
    return simulation.simulate(frame, [from_dict(one) for one in documents], known, ids=ids, causes=causes)


def decided(rows, *documents, **more):
    """event_id → the decision on it, as a dict."""
    decisions = replayed(rows, *documents, **more).decisions
    return {row["event_id"]: row for row in decisions.iter_rows(named=True)}


def stopped(rows, *documents, **more):
    """The event_ids of the stopped messages, in order."""
    return [name for name, row in decided(rows, *documents, **more).items() if row["decision"] == "stop"]


def stopped_by(frame, ctx, rule, **more):
    """The event_ids of the messages that `rule` alone would have stopped, in order."""
    decisions = simulation.simulate(frame, [rule], ctx, **more).decisions
    return decisions.filter(pl.col("decision") == "stop")["event_id"].to_list()
