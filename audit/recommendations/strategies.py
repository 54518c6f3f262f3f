"""The numbers and names of the strategies, read from `strategies.toml`."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from audit.events.times import duration
from audit.storage import toml_input


@dataclass(frozen=True, slots=True)
class Strategy:
    """The numbers of one strategy and its names; fields that it does not use keep their defaults."""

    id: str
    title: str
    aliases: tuple[str, ...]
    window: timedelta = timedelta(0)
    active: timedelta = timedelta(0)
    half: timedelta = timedelta(0)
    seeds: int = 0
    others: int = 0
    overdue: int = 0


@cache
def strategies() -> dict[str, Strategy]:
    """The strategies by id, in the order their placements are shown."""
    return {name: _strategy(name, table) for name, table in _file().items() if isinstance(table, dict)}


@cache
def slots() -> int:
    """How many items a customer is shown in each placement."""
    return int(_file()["shown"])


def _strategy(name: str, table: dict[str, Any]) -> Strategy:
    fields = {key: value for key, value in table.items() if key != "source"}
    fields |= {key: duration(fields[key]) for key in ("window", "active", "half") if key in fields}
    return Strategy(id=name, **{**fields, "aliases": tuple(table["aliases"])})


@cache
def _file() -> dict[str, Any]:
    return toml_input.shipped("audit.recommendations", "strategies.toml")
