"""The numbers and names of the strips, read from `strategies.toml`."""

import tomllib
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from audit.events.times import duration


@dataclass(frozen=True, slots=True)
class Strategy:
    """How one strip is made and what it is called; fields that a strip does not use keep their defaults."""

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
    """The strips by id, in the order they are shown."""
    return {name: _strategy(name, row) for name, row in _file().items() if isinstance(row, dict)}


@cache
def shown() -> int:
    """How many items a customer is shown of each strip."""
    return int(_file()["shown"])


def _strategy(name: str, row: dict[str, Any]) -> Strategy:
    fields = {key: value for key, value in row.items() if key != "source"}
    fields |= {key: duration(fields[key]) for key in ("window", "active", "half") if key in fields}
    return Strategy(id=name, **{**fields, "aliases": tuple(row["aliases"])})


@cache
def _file() -> dict[str, Any]:
    return tomllib.loads(files("audit.recommendations").joinpath("strategies.toml").read_text("utf-8"))
