"""The customers whose explanations are tested: the scenes, a generated fleet, households of Complete Journey."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

import polars as pl

from audit import flows, segments
from audit.events.schema import in_order
from audit.flows.campaign_map import SCHEMA, fill
from audit.population import coverage, stats
from audit.rules.model import from_dict
from audit.workspace.context import Context
from fixtures import complete_journey, demo_campaigns, demo_flows, scenes
from fixtures.fleet import fleet

Known = tuple[pl.DataFrame, Context]
"""Whole customers, in order, and what is known beside their events."""

_SAID = ("trigger", "reason", "segment_id")
"""Where a log says why a message went out."""

LEARNED_FROM = 400
"""Groups are learned from so many customers, however few are looked at."""

DECLARED = tuple(
    from_dict({"id": keys["kind"], "title": f"A declared {keys['kind']}", "declared": True, **keys})
    for keys in (
        {"kind": "frequency_cap", "limit": 2, "window": "7d"},
        {"kind": "min_gap", "window": "1d"},
        {
            "kind": "cooldown",
            "window": "repurchase",
            "fallback": "180d",
            "after": "order_completed",
            "same": "category",
        },
        {"kind": "quiet_hours", "quiet": "21:00-08:00", "time_zone": "UTC"},
        {"kind": "sunset", "unengaged": 5},
        {"kind": "consent"},
        {"kind": "mute", "campaigns": ["electronics-deals"]},
        {"kind": "sensitive"},
    )
)
"""What a sender says that it keeps to."""


@dataclass(frozen=True, slots=True)
class Population:
    """Customers by name (a key of `MAKE`), their number, and the seed they are generated or chosen with.

    `part`: of so many equal parts, one (`(1, 4)`: the first quarter); what is known beside their events is counted over all.
    """

    name: str
    size: int
    seed: int
    part: tuple[int, int] = (1, 1)

    def made(self, shuffle: Random | None = None) -> Known:
        """Its customers. `shuffle`: from the same rows in another order, put in order and counted anew as at an import."""
        events, around = MAKE[self.name](self)
        if shuffle is not None:
            rows = events.sample(fraction=1.0, shuffle=True, seed=shuffle.randrange(2**32))
            events = in_order(rows)
        chosen = self._chosen(events)
        return events.filter(pl.col("customer_id").is_in(chosen)), around(events)

    def _chosen(self, events: pl.DataFrame) -> list[str]:
        which, of = self.part
        everybody = events["customer_id"].unique().sort().to_list()
        if self.name in ("households", "learned"):
            everybody = sorted(Random(self.seed).sample(everybody, self.size))
        return everybody[which - 1 :: of]


def of_fleet(customers: int, seed: int) -> Known:
    """Generated customers."""
    return Population("fleet", customers, seed).made()


def of_journey(households: int, seed: int) -> Known:
    """Households of Complete Journey, chosen at random; what is known is counted over all of them."""
    return Population("households", households, seed).made()


def mapped(events: pl.DataFrame) -> Known:
    """Invented customers with the campaign map filled in, and what is known beside their events."""
    filled = fill(events.lazy(), demo_campaigns()).collect()
    return filled, invented(filled)


def invented(events: pl.DataFrame) -> Context:
    """What is known beside the events of invented customers: the demo's campaign map and flows."""
    known = _around(events, demo_campaigns())
    return replace(known, flows=flows.from_json(demo_flows()))


def _scenes(_: Population) -> tuple[pl.DataFrame, Callable[[pl.DataFrame], Context]]:
    return fill(scenes.events().lazy(), demo_campaigns()).collect(), invented


def _fleet(asked: Population) -> tuple[pl.DataFrame, Callable[[pl.DataFrame], Context]]:
    return fill(fleet(asked.size, asked.seed).events.lazy(), demo_campaigns()).collect(), invented


def _unsaid(asked: Population) -> tuple[pl.DataFrame, Callable[[pl.DataFrame], Context]]:
    """Generated customers whose mail log does not say why a message went out: our own definitions have to give it."""
    events = fleet(asked.size, asked.seed).events
    message = pl.col("kind").str.starts_with("message_")
    silent = events.with_columns(pl.when(~message).then(name).alias(name) for name in _SAID)
    return fill(silent.lazy(), demo_campaigns()).collect(), invented


def _declared(asked: Population) -> tuple[pl.DataFrame, Callable[[pl.DataFrame], Context]]:
    """Generated customers, and a sender who declares rules of every kind."""
    return _fleet(asked)[0], lambda events: replace(invented(events), declared=DECLARED)


def _learned(asked: Population) -> tuple[pl.DataFrame, Callable[[pl.DataFrame], Context]]:
    """Generated customers in a workspace that has learned groups of them."""
    from audit.segments.models import explain
    from audit.segments.models.train import train

    def around(events: pl.DataFrame) -> Context:
        known = invented(events)
        models = train(events, known)
        return replace(known, models=models, definitions=segments.with_ours(explain.definitions(models)))

    return _fleet(replace(asked, size=max(asked.size, LEARNED_FROM)))[0], around


def _households(_: Population) -> tuple[pl.DataFrame, Callable[[pl.DataFrame], Context]]:
    folder = complete_journey.data()
    campaigns = pl.DataFrame(list(complete_journey.campaigns(folder)), schema=SCHEMA)
    events = fill(complete_journey.events(folder).lazy(), campaigns).collect()
    return events, lambda everybody: _around(everybody, campaigns)


MAKE = {
    "scenes": _scenes,
    "fleet": _fleet,
    "unsaid": _unsaid,
    "declared": _declared,
    "learned": _learned,
    "households": _households,
}
"""Each population: all its events, and what gives what is known beside them."""


def _around(events: pl.DataFrame, campaigns: pl.DataFrame) -> Context:
    held = coverage.summarize(coverage.daily(events))
    return Context(events["occurred_at"].max(), replace(held, gaps=()), stats.count(events.lazy()), campaigns)
