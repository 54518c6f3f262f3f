"""What an import did, file by file: every row is accounted for."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from audit.events.times import iso


@dataclass(slots=True)
class FileReport:
    """Rows of one file: `rows = accepted + duplicates + quarantined + skipped`."""

    path: str
    format: str
    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    quarantined: int = 0
    skipped: int = 0

    def to_json(self) -> dict[str, Any]:
        """An element of `files`."""
        return {name: getattr(self, name) for name in ("path", "format", *COUNTS)}


COUNTS = ("rows", "accepted", "duplicates", "quarantined", "skipped")


@dataclass(slots=True)
class ImportReport:
    """An import as a whole.

    - `customers`, `first`, `last` (UTC): of the events that could be read, new or known;
    - `skipped_by_reason`: rows of no interest; `refused_by_reason`: rows in quarantine;
    - `quarantine`: the file with the refused rows, None if there are none;
    - `unknown`: files inside given folders that no format knows.
    """

    files: list[FileReport] = field(default_factory=list)
    customers: int = 0
    first: datetime | None = None
    last: datetime | None = None
    quarantine: Path | None = None
    skipped_by_reason: Counter[str] = field(default_factory=Counter)
    refused_by_reason: Counter[str] = field(default_factory=Counter)
    unknown: list[Path] = field(default_factory=list)

    def total(self, name: str) -> int:
        """The sum of one of `COUNTS` over all files."""
        return sum(getattr(one, name) for one in self.files)

    @property
    def nothing_taken(self) -> bool:
        """Whether no row was accepted and none was known already."""
        return self.total("accepted") + self.total("duplicates") == 0

    def to_json(self) -> dict[str, Any]:
        """The document `whysent.import/1`."""
        return {
            "schema": "whysent.import/1",
            "files": [one.to_json() for one in self.files],
            **{name: self.total(name) for name in COUNTS},
            "customers": self.customers,
            "first": iso(self.first),
            "last": iso(self.last),
            "quarantine": None if self.quarantine is None else str(self.quarantine.resolve()),
        }
