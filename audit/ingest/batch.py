"""What a source module hands over: rows as text in canonical columns, and an account of every row it read."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

REJECTED: dict[str, pl.DataType] = {"row": pl.UInt64(), "reason": pl.String(), "raw": pl.String()}
"""Rows that cannot be events: the source's row number from 1, why in plain words, the raw text (goes nowhere in clear)."""

IDENTIFIERS: dict[str, pl.DataType] = {"customer_id": pl.String(), "field": pl.String(), "value": pl.String()}
"""Direct identifiers, on their way to the vault only. `field` is one of `FIELDS`; customer_id is the source's own id."""

FIELDS = ("email", "name", "address", "phone", "ip", "device_serial", "user_agent", "referer", "other")


@dataclass(frozen=True, slots=True)
class Batch:
    """Some or all rows of one file.

    - `path`: where they came from, members of archives as `export.zip!Orders.csv`;
    - `rows`: how many source rows this batch accounts for, `= distinct row in events + rejected + skipped`
      (a source row may make several events; a row in both `events` and `rejected` counts as rejected);
    - `events`: column `row` (UInt64, from 1) and any canonical columns, as text or already in their dtype: times
      ISO 8601 (without an offset they are read in the import's time zone), lists and `attributes` as JSON,
      booleans `true` / `false`, empty is absent; `customer_id` is the source's own id;
    - `identifiers`, `rejected`: frames as above;
    - `source`: the rows as they were read, with `row`, for what is refused later; None where `events` tells it all;
    - `time_zone`: where times without an offset are read, if not in the import's;
    - `skipped`: reason → rows that are of no interest.
    """

    path: str
    format: str
    rows: int
    events: pl.DataFrame
    identifiers: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=IDENTIFIERS))
    rejected: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REJECTED))
    skipped: Mapping[str, int] = field(default_factory=dict)
    source: pl.DataFrame | None = None
    time_zone: str | None = None
