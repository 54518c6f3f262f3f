"""Any table, as a TOML file says how to read it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mapping:
    """How one kind of table becomes events."""
