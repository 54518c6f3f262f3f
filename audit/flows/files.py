"""Reading definitions of flows (TOML) and refusing what they cannot mean, by file, flow and key."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import polars as pl

from audit.errors import InputError
from audit.events.schema import KINDS
from audit.events.times import duration
from audit.flows import predicate, triggers
from audit.flows.cycles import refuse_circles
from audit.flows.model import REPURCHASE, Flow, Step
from audit.flows.triggers import Trigger
from audit.storage import toml_input

_FLOW = (
    "id", "title", "like", "campaigns", "trigger", "on", "list", "segment", "asks_for", "exits", "carries",
    "every", "source", "step",
)  # fmt: skip
_ON = ("kinds", "same", "depth", "window", "ended_by", "quiet", "quiet_for", "campaign", "where")
_STEP = ("step", "after", "leeway")
_SAME = ("item", "category", "segment", "nothing")
_TEXTS = ("title", "list", "segment", "carries", "source")

FLOWS: dict[str, pl.DataType] = {"flow": pl.String()}
"""How a workspace keeps its flows: a row each, its table as JSON."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in which file something stands, for the sentence of an error."""

    file: str
    flow: str

    def error(self, key: str, problem: str) -> InputError:
        return InputError(f"{self.file}: flow {self.flow}: {key}: {problem}")


@cache
def shipped() -> Mapping[str, Mapping[str, Any]]:
    """The tables of the flows that can be built on, by id."""
    text = files("audit.flows").joinpath("flows.toml").read_text(encoding="utf-8")
    return {str(row["id"]): row for row in toml_input.parsed(text)["flow"]}


def read(path: Path) -> pl.DataFrame | None:
    """The `[[flow]]` tables of a file as a workspace keeps them (`FLOWS`); None where it has none.

    Raises InputError naming file, flow and key.
    """
    tables = toml_input.read(path).get("flow")
    if tables is None:
        return None
    if not isinstance(tables, list) or not all(isinstance(each, dict) for each in tables):
        raise InputError(f"{path}: write each flow as [[flow]]")
    _flows(tables, str(path))
    return to_json(tables)


def to_json(tables: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Tables of flows in the shape of `FLOWS`."""
    return pl.DataFrame({"flow": [json.dumps(each, ensure_ascii=False) for each in tables]}, schema=FLOWS)


def from_json(kept: pl.DataFrame) -> tuple[Flow, ...]:
    """The flows that a workspace keeps."""
    return _flows([json.loads(text) for text in kept["flow"]], "the workspace's flows")


def _flows(tables: Sequence[Mapping[str, Any]], file: str) -> tuple[Flow, ...]:
    made = tuple(_flow(row, file, number) for number, row in enumerate(tables, start=1))
    for what, named in (
        ("id", [one.id for one in made]),
        ("campaigns", [c for one in made for c in one.campaigns]),
    ):
        twice = next((name for place, name in enumerate(named) if name in named[:place]), None)
        if twice is not None:
            raise InputError(f"{file}: flow {twice}: {what}: {twice!r} stands twice")
    refuse_circles(made, file)
    return made


def _flow(given: Mapping[str, Any], file: str, number: int) -> Flow:
    place = _Place(file, str(given.get("id", f"number {number}")))
    _refuse_unknown(place, given, _FLOW)
    if not isinstance(given.get("id"), str) or not given["id"]:
        raise place.error("id", "must be a text")
    row = _built_on(place, given)
    texts = {key: _text(place, row, key) for key in _TEXTS if key in row}
    asks_for = _kind(place, "asks_for", row["asks_for"]) if "asks_for" in row else None
    flow = Flow(
        id=given["id"],
        title=texts.get("title", given["id"]),
        campaigns=_list(place, row, "campaigns") or (given["id"],),
        trigger=_trigger(place, row, asks_for),
        list_id=texts.get("list"),
        segment=texts.get("segment"),
        steps=_steps(place, row),
        every=_duration(place, "every", row["every"]) if "every" in row else None,
        asks_for=asks_for,
        carries=texts.get("carries"),
        source=texts.get("source", ""),
    )
    _refuse_impossible(place, flow)
    return flow


def _built_on(place: _Place, given: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row with what it leaves out taken from the flow that it is `like`."""
    if "like" not in given:
        return given
    like = given["like"]
    if like not in shipped():
        raise place.error("like", _unknown(str(like), shipped()))
    merged = {**shipped()[like], **given}
    if isinstance(given.get("on"), dict):
        merged["on"] = {**shipped()[like].get("on", {}), **given["on"]}
    return merged


def _trigger(place: _Place, row: Mapping[str, Any], asks_for: str | None) -> Trigger | None:
    """The acts that set it off, ended also by what it asks for and by its exits."""
    base = None
    if "trigger" in row:
        base = triggers.named(_text(place, row, "trigger"))
        if base is None or base.broadcast:
            raise place.error("trigger", _unknown(row["trigger"], triggers.definitions()))
    own = row.get("on")
    if own is not None:
        base = _own(place, own, base or Trigger(id=row["id"], title=row.get("title", row["id"]), source=""))
    if base is None:
        return None
    more = (
        *((asks_for,) if asks_for else ()),
        *(_kind(place, "exits", one) for one in _list(place, row, "exits")),
    )
    return replace(base, ended_by=tuple(dict.fromkeys((*base.ended_by, *more))))


def _own(place: _Place, own: Any, base: Trigger) -> Trigger:
    if not isinstance(own, dict):
        raise place.error("on", "must be a table, such as { kinds = [...], window = ... }")
    _refuse_unknown(place, own, _ON, "on.")
    for key in ("kinds", "ended_by", "quiet"):
        for kind in _list(place, own, key, "on."):
            _kind(place, f"on.{key}", kind)
    for key in ("window", "quiet_for"):
        if key in own:
            _duration(place, f"on.{key}", own[key])
    if "same" in own and own["same"] not in _SAME:
        raise place.error("on.same", _unknown(str(own["same"]), _SAME))
    if "depth" in own and (type(own["depth"]) is not int or own["depth"] < 1):
        raise place.error("on.depth", "must be a number of levels, 1 or more")
    if "campaign" in own:
        _text(place, own, "campaign", "on.")
    if "where" in own:
        problem = predicate.problem(_text(place, own, "where", "on."))
        if problem:
            raise place.error("on.where", problem)
    made = triggers.changed(base, own)
    for key in ("kinds", "window"):
        if not getattr(made, key):
            raise place.error(f"on.{key}", "is needed where no trigger is named")
    return made


def _steps(place: _Place, row: Mapping[str, Any]) -> tuple[Step, ...]:
    given = row.get("step", [])
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise place.error("step", "write each step as [[flow.step]]")
    steps = []
    for number, one in enumerate(given, start=1):
        _refuse_unknown(place, one, _STEP, "step.")
        if "after" not in one:
            raise place.error("step.after", "every step needs one, such as 4h")
        after = (
            None
            if one["after"] == REPURCHASE
            else _duration(place, "step.after", one["after"], least=timedelta(0))
        )
        leeway = _duration(place, "step.leeway", one["leeway"]) if "leeway" in one else None
        steps.append(
            Step(_text(place, one, "step", "step.") if "step" in one else str(number), after, leeway)
        )
    return tuple(steps)


def _refuse_impossible(place: _Place, flow: Flow) -> None:
    trigger = flow.trigger
    if trigger is None and flow.list_id is None and flow.segment is None:
        raise place.error("trigger", "a flow needs a trigger, or a list or segment that it goes to")
    if trigger is None and flow.steps:
        raise place.error("step", "has no meaning without a trigger")
    if trigger is not None and flow.every is not None:
        raise place.error("every", "has no meaning beside a trigger")
    known = [step.after for step in flow.steps if step.after is not None]
    if known != sorted(set(known)):
        raise place.error("step.after", "each step must come later than the one before it")
    if len({step.name for step in flow.steps}) < len(flow.steps):
        raise place.error("step.step", "two steps have one name")
    if trigger is not None and known and known[-1] >= trigger.window:
        raise place.error("step.after", "must be shorter than the window of its trigger, or it never comes")
    if trigger is not None and _always_noise(trigger):
        raise place.error("on.quiet_for", "must be shorter than on.window, or nothing ever sets it off")


def _always_noise(trigger: Trigger) -> bool:
    """Whether every act that could set it off also breaks the quiet that it asks for."""
    return (
        bool(trigger.quiet)
        and set(trigger.kinds) <= set(trigger.quiet)
        and trigger.quiet_for >= trigger.window
    )


def _refuse_unknown(place: _Place, row: Mapping[str, Any], allowed: Iterable[str], inside: str = "") -> None:
    for key in row:
        if key not in set(allowed):
            raise place.error(f"{inside}{key}", f"unknown key{toml_input.nearest(key, allowed)}")


def _unknown(value: str, allowed: Iterable[str]) -> str:
    near = toml_input.nearest(value, allowed)
    return f"unknown {value!r}{near}" if near else f"unknown {value!r}; one of {', '.join(allowed)}"


def _text(place: _Place, row: Mapping[str, Any], key: str, inside: str = "") -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise place.error(f"{inside}{key}", "must be a text")
    return value


def _list(place: _Place, row: Mapping[str, Any], key: str, inside: str = "") -> tuple[str, ...]:
    value = row.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise place.error(f"{inside}{key}", "must be a list of texts")
    return tuple(value)


def _kind(place: _Place, key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise place.error(key, "must be one kind of event")
    if value not in KINDS:
        raise place.error(key, f"unknown kind {value!r}{toml_input.nearest(value, KINDS)}")
    return value


def _duration(place: _Place, key: str, value: Any, least: timedelta = timedelta(microseconds=1)) -> timedelta:
    try:
        length = duration(value)
    except InputError as error:
        raise place.error(key, str(error)) from error
    if length < least:
        raise place.error(key, "must be longer than nothing")
    return length
