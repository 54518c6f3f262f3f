"""Rows that could not be events: where they stood and why in clear, their text sealed with the vault's key."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from audit.ingest import strict_json
from audit.storage import private_files

if TYPE_CHECKING:
    from audit.privacy.vault import Vault

STORED: dict[str, pl.DataType] = {
    "file": pl.String(), "row": pl.UInt64(), "reason": pl.String(), "raw": pl.Binary(),
}  # fmt: skip
"""A row in quarantine; `raw` is sealed."""


def raw_text(rows: pl.DataFrame) -> pl.DataFrame:
    """`row` and `raw`: each row of a source as one JSON object, for sources that are not lines of text."""
    names = [name for name in rows.columns if name != "row"]
    made = [
        strict_json.dumps(
            {
                name: value if value is None or isinstance(value, str) else str(value)
                for name, value in zip(names, each, strict=True)
                if value is not None
            }
        )
        for each in rows.select(names).iter_rows()
    ]
    return rows.select("row").with_columns(pl.Series("raw", made, dtype=pl.String))


def write(place: Path, refused: pl.DataFrame, vault: "Vault") -> str:
    """Write refused rows (columns `file, row, reason, raw` in clear) to the folder `place`; answers the file's name.

    The same rows again have the same name, and are not written twice.
    """
    digest = hashlib.blake2b(key=vault.purpose_key("quarantine"), digest_size=16)
    for each in refused.iter_rows():
        digest.update(repr(each).encode("utf-8", "replace"))
    path = place / f"{digest.hexdigest()}.parquet"
    if not path.exists():
        sealed = [vault.seal(text.encode("utf-8", "replace")) for text in refused["raw"].fill_null("")]
        private_files.reserve(path)
        with private_files.clear_errors(path):
            refused.with_columns(pl.Series("raw", sealed, dtype=pl.Binary)).select(*STORED).write_parquet(
                path
            )
        private_files.sync(path)
    return path.name
