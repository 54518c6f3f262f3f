"""What a flow is: a campaign's trigger, audience, steps and end; and reading its definition (TOML) or refusing what it
cannot mean, by file, flow and key.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import polars as pl
from msgspec import Struct, field
from msgspec.structs import replace

from audit.errors import InputError
from audit.events.times import duration
from audit.events.vocabulary import campaign_expr, campaign_of
from audit.flows import triggers
from audit.flows.triggers import Acts, Kinds, Length, Trigger, kind_of_event
from audit.storage import toml_input
from audit.storage.toml_input import TableError, Text, Texts, convert, read_by, table, tables

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


# -- its definition ---------------------------------------------------------------------------------------------

FLOWS: dict[str, pl.DataType] = {"flow": pl.String()}
"""How a workspace keeps its flows: a row each, its table as JSON."""


def _trigger(written: Any) -> Trigger:
    if not isinstance(written, str) or not written.strip():
        raise InputError("must be a text")
    trigger = triggers.named(written)
    if trigger is None or trigger.broadcast:
        raise InputError(toml_input.unknown(written, triggers.definitions()))
    return trigger


def _shipped_id(written: Any) -> str:
    if str(written) not in shipped():
        raise InputError(toml_input.unknown(str(written), shipped()))
    return str(written)


class _FlowTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A `[[flow]]` table; docs/campaigns.md says what its keys mean."""

    id: Text
    like: Annotated[str | None, read_by(_shipped_id)] = None
    title: Text | None = None
    campaigns: Texts = ()
    trigger: Annotated[Trigger | None, read_by(_trigger)] = None
    on: Annotated[Acts | None, table(Acts, "must be a table, such as { kinds = [...], window = ... }")] = None
    list: Text | None = None
    segment: Text | None = None
    asks_for: Annotated[str | None, read_by(kind_of_event)] = None
    exits: Kinds = ()
    carries: Text | None = None
    every: Length | None = None
    source: Text = ""
    step: Annotated[tuple[Step, ...], tables(Step, "write each step as [[flow.step]]")] = ()


@cache
def shipped() -> Mapping[str, Mapping[str, Any]]:
    """The tables of the flows that can be built on, by id."""
    return {str(row["id"]): row for row in toml_input.shipped("audit.flows", "flows.toml")["flow"]}


def read(path: Path) -> pl.DataFrame | None:
    """The `[[flow]]` tables of a file as a workspace keeps them (`FLOWS`); None where it has none.

    Raises InputError naming file, flow and key.
    """
    rows = toml_input.read(path).get("flow")
    if rows is None:
        return None
    if not toml_input.are_tables(rows):
        raise InputError(f"{path}: write each flow as [[flow]]")
    _flows(rows, str(path))
    return to_json(rows)


def to_json(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Tables of flows in the shape of `FLOWS`."""
    return pl.DataFrame({"flow": [json.dumps(row, ensure_ascii=False) for row in rows]}, schema=FLOWS)


def from_json(stored: pl.DataFrame) -> tuple[Flow, ...]:
    """The flows that a workspace keeps."""
    return _flows([json.loads(text) for text in stored["flow"]], "the workspace's flows")


def _flows(rows: Sequence[Mapping[str, Any]], file: str) -> tuple[Flow, ...]:
    flows = tuple(_flow(row, file, number) for number, row in enumerate(rows, start=1))
    for key, names in (
        ("id", [flow.id for flow in flows]),
        ("campaigns", [campaign for flow in flows for campaign in flow.campaigns]),
    ):
        twice = next((name for index, name in enumerate(names) if name in names[:index]), None)
        if twice is not None:
            raise InputError(f"{file}: flow {twice}: {key}: {twice!r} stands twice")
    _refuse_circles(flows, file)
    return flows


def _flow(written: Mapping[str, Any], file: str, number: int) -> Flow:
    try:
        return _built(_with_shipped(written))
    except TableError as error:
        raise InputError(f"{file}: flow {written.get('id', f'number {number}')}: {error}") from error


def _with_shipped(written: Mapping[str, Any]) -> Mapping[str, Any]:
    """The table with what it leaves out taken from the flow that it is `like`."""
    like = written.get("like")
    model = shipped().get(like, {}) if isinstance(like, str) else {}
    merged = {**model, **written}
    if isinstance(written.get("on"), dict):
        merged["on"] = {**model.get("on", {}), **written["on"]}
    return merged


def _built(row: Mapping[str, Any]) -> Flow:
    fields = convert(row, _FlowTable)
    flow = Flow(
        id=fields.id,
        title=fields.title or fields.id,
        campaigns=fields.campaigns or (fields.id,),
        trigger=_with_own_acts(fields, row.get("on", {})),
        list_id=fields.list,
        segment=fields.segment,
        steps=tuple(
            replace(step, name=step.name or str(number)) for number, step in enumerate(fields.step, start=1)
        ),
        every=fields.every,
        asks_for=fields.asks_for,
        carries=fields.carries,
        source=fields.source,
    )
    _refuse_impossible(flow)
    return flow


def _with_own_acts(fields: _FlowTable, written: Iterable[str]) -> Trigger | None:
    """The acts that set it off: its trigger with the keys `written` under `on`, ended also by what it asks for and by its exits."""
    trigger = fields.trigger
    if fields.on is not None:
        trigger = trigger or Trigger(id=fields.id, title=fields.title or fields.id, source="")
        trigger = replace(trigger, **{key: getattr(fields.on, key) for key in written})
        for key in ("kinds", "window"):
            if not getattr(trigger, key):
                raise TableError(f"on.{key}", "is needed where no trigger is named")
    if trigger is None:
        return None
    ends = (*trigger.ended_by, *((fields.asks_for,) if fields.asks_for else ()), *fields.exits)
    return replace(trigger, ended_by=tuple(dict.fromkeys(ends)))


def _refuse_impossible(flow: Flow) -> None:
    trigger = flow.trigger
    if trigger is None and flow.list_id is None and flow.segment is None:
        raise TableError("trigger", "a flow needs a trigger, or a list or segment that it goes to")
    if trigger is None and flow.steps:
        raise TableError("step", "has no meaning without a trigger")
    if trigger is not None and flow.every is not None:
        raise TableError("every", "has no meaning beside a trigger")
    delays = [step.after for step in flow.steps if step.after is not None]
    if delays != sorted(set(delays)):
        raise TableError("step.after", "each step must come later than the one before it")
    if len({step.name for step in flow.steps}) < len(flow.steps):
        raise TableError("step.step", "two steps have one name")
    if trigger is not None and delays and delays[-1] >= trigger.window:
        raise TableError("step.after", "must be shorter than the window of its trigger, or it never comes")
    if trigger is not None and _always_noise(trigger):
        raise TableError("on.quiet_for", "must be shorter than on.window, or nothing ever sets it off")


def _always_noise(trigger: Trigger) -> bool:
    """Whether every act that could set it off also breaks the quiet that it asks for."""
    return (
        bool(trigger.quiet)
        and set(trigger.kinds) <= set(trigger.quiet)
        and trigger.quiet_for >= trigger.window
    )


def _refuse_circles(flows: Sequence[Flow], file: str) -> None:
    """Raise InputError where a flow is set off by messages that, at the end, only it sets off."""
    sender = {campaign: flow.id for flow in flows for campaign in flow.campaigns}
    waits_for = {
        flow.id: sender[flow.trigger.campaign]
        for flow in flows
        if flow.trigger is not None and flow.trigger.campaign in sender
    }
    for begin in waits_for:
        chain = [begin]
        while chain[-1] in waits_for and waits_for[chain[-1]] not in chain:
            chain.append(waits_for[chain[-1]])
        if waits_for.get(chain[-1]) == begin:
            circle = " → ".join([*chain, begin])
            raise InputError(
                f"{file}: flow {begin}: on.campaign: goes in a circle, so none of them ever begins: {circle}"
            )
