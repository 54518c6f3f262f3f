"""What a flow is: a campaign's trigger, audience, steps and end."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import polars as pl
from msgspec import Struct, field

from audit.events.times import duration
from audit.events.vocabulary import campaign_expr, campaign_of
from audit.flows.triggers import Length, Trigger
from audit.storage.toml_input import Text, read_by

REPURCHASE = "repurchase"
"""A delay that is the customer's own median interval between orders of the thing."""


def _delay(written: Any) -> timedelta | None:
    return None if written == REPURCHASE else duration(written)


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message of a series: `after` the act that set it off (None: once the re-purchase is due), at most `leeway`
    later (None: as long as the act counts). `name`: the log's `series_step`.
    """

    name: Text = field(name="step", default="")
    after: Annotated[timedelta | None, read_by(_delay, "every step needs one, such as 4h")]
    leeway: Length | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """A definition out of a file of flows; docs/campaigns.md says what its fields mean.

    Without a trigger it goes to everybody on its list. `trigger` already ends with `exits` and with what it asks for.
    """

    id: str
    title: str
    campaigns: tuple[str, ...] = ()
    trigger: Trigger | None = None
    list_id: str | None = None
    segment: str | None = None
    steps: tuple[Step, ...] = ()
    every: timedelta | None = None
    asks_for: str | None = None
    carries: str | None = None
    source: str = ""

    @property
    def own(self) -> bool:
        """Whether somebody defined it; else it stands for a trigger's name alone."""
        return bool(self.campaigns)

    @property
    def by_rhythm(self) -> bool:
        """Whether a step of it waits for the customer's own re-purchase."""
        return any(step.after is None for step in self.steps)

    def belongs(self) -> pl.Expr:
        """Whether a message is one of its campaigns: by campaign_id, else by campaign_name."""
        return campaign_expr().is_in(list(self.campaigns)).fill_null(value=False)

    def meets(self, stated: str | None, trigger: Trigger | None) -> bool:
        """Whether what the sender states, `trigger` by our definition, can be what sets this flow off.

        A word of the sender's that we do not know is taken for the flow's own.
        """
        if self.trigger is None:
            return False
        if stated is None or trigger is None:
            return True
        word = stated.partition(":")[0].strip().lower()
        return trigger.id == self.trigger.id or word in self.trigger.kinds


def of_trigger(trigger: Trigger) -> Flow:
    """What stands for a trigger of which no flow is defined: its acts, and nothing beside them."""
    return Flow(trigger.id, trigger.title, trigger=trigger, source=trigger.source)


def of_campaign(flows: Iterable[Flow], row: Mapping[str, Any]) -> Flow | None:
    """The flow whose campaign a message's row belongs to."""
    name = campaign_of(row["campaign_id"], row["campaign_name"])
    return next((flow for flow in flows if name in flow.campaigns), None)
