"""The numbers of the scoring, read from `pattern.toml`."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Settings:
    """How baskets are scored, and which are listed; the file says why."""

    sources: tuple[str, ...]
    discount: float
    varieties: tuple[float, ...]
    baskets: int
    score: float
    most: int


@cache
def settings() -> Settings:
    """The numbers as the file has them."""
    row = tomllib.loads(files("audit.findings.anomaly").joinpath("pattern.toml").read_text("utf-8"))
    row |= {"sources": tuple(row["sources"]), "varieties": tuple(map(float, row["varieties"]))}
    return Settings(**row)
