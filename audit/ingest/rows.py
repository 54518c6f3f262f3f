"""Some rows of a source, before anything is known of their meaning."""

from dataclasses import dataclass, field

import polars as pl

from audit.ingest.batch import REJECTED


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of one file, or of one member of an archive.

    `rows` has `row` (from 1) and the source's columns, as text or typed; `rejected` as in `Batch`; `form` is the kind of
    file; `read` and `size` are bytes, for the progress.
    """

    path: str
    form: str
    rows: pl.DataFrame
    read: int
    size: int
    rejected: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=REJECTED))

    @property
    def count(self) -> int:
        """How many rows of the source these are."""
        return self.rows.height + self.rejected.height
