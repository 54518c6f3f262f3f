"""What decisions are derived from and explained by, beside the events."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from audit.events.messages import said
from audit.flows.model import Flow
from audit.privacy import vault_tables
from audit.privacy.links import NOBODY, Persons
from audit.rules.model import Rule
from audit.segments.model import SegmentContext

if TYPE_CHECKING:
    from audit.workspace.snapshot import Generation


@dataclass(frozen=True, slots=True)
class Context(SegmentContext):
    """`flows`: what campaigns are defined to do. `declared`: the rules that senders say they keep to, naming customers by pseudonym.

    `namesakes`: customer → the other ids that the vault knows by the same address; `said_elsewhere`: what these said, as
    `said_under_other_ids` gives it, None where there are none. `early`: the events from before their id was joined with another
    of the same person, as `Persons.early` gives them; None where no ids were joined. `persons`: which ids are one person.
    """

    flows: Sequence[Flow] = ()
    declared: Sequence[Rule] = ()
    namesakes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    said_elsewhere: pl.DataFrame | None = None
    early: pl.DataFrame | None = None
    persons: Persons = NOBODY

    def known_then(self, events: pl.DataFrame, ident: str) -> pl.DataFrame:
        """Of one person's events those that who sent that message (a message_id or event_id) could know of: before its id was
        joined with another, none of the other's.
        """
        if self.early is None:
            return events
        own = events.filter((pl.col("event_id") == ident) | (pl.col("message_id") == ident))["event_id"]
        member = self.early.filter(pl.col("event_id").is_in(own.implode()))["member"].head(1)
        others = (
            self.early.filter(~pl.col("member").is_in(member.implode()))
            if len(member)
            else self.early.clear()
        )
        return events.join(others, on=["customer_id", "event_id"], how="anti", maintain_order="left")


def declared(rules: Iterable[Rule], person: Callable[[str], str | None]) -> tuple[Rule, ...]:
    """The declared ones of some rules, their customers named by pseudonym as far as `person` knows them."""

    def named(customers: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(person(customer) or customer for customer in customers)

    return tuple(
        replace(rule, customers=named(rule.customers), except_customers=named(rule.except_customers))
        for rule in rules
        if rule.declared
    )


def said_under_other_ids(events: pl.LazyFrame, namesakes: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    """The noes and yeses of the other ids of each customer, complaints addressed: `customer_id` is whom they concern, `other`
    whose they are; the rest of the columns are those of events.
    """
    others = sorted({other for names in namesakes.values() for other in names})
    rows = said(events.filter(pl.col("customer_id").is_in(others)))
    pairs = [(name, other) for name, names in namesakes.items() for other in names]
    concerned = pl.DataFrame(pairs, schema={"concerned": pl.String, "customer_id": pl.String}, orient="row")
    return rows.join(concerned, on="customer_id", maintain_order="left").rename(
        {"customer_id": "other", "concerned": "customer_id"}
    )


class Namesakes:
    """Whose address other ids have too, and what these said: looked up once a generation."""

    def __init__(self) -> None:
        self._known: tuple[str, Mapping[str, Sequence[str]], pl.DataFrame | None] | None = None

    def of(self, people: Path, generation: "Generation", at: datetime) -> Mapping[str, Any]:
        """The fields `namesakes` and `said_elsewhere` of a `Context`, of what was said until `at`; `people`: the vault's file."""
        version = f"{generation.version} {len(generation.persons(at).links)}"
        if self._known is None or self._known[0] != version:
            found = vault_tables.namesakes(people, generation.persons(at))
            rows = said_under_other_ids(generation.scan(at), found) if found else None
            self._known = (version, found, rows)
        _, others, acts = self._known
        until = None if acts is None else acts.filter(pl.col("occurred_at") <= at)
        return {"namesakes": others, "said_elsewhere": until}
