"""Names that sources give to direct identifiers, and the field of the vault each belongs to."""

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


def field_of(name: str) -> str | None:
    """The field of the vault that a column or key of this name belongs to, or None."""
    return _fields().get(normal(name))


def normal(name: str) -> str:
    """One spelling of a name: `E-Mail Address`, `eMailAddress` and `e_mail_address` are the same."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()).strip("_")


@cache
def words() -> dict[str, Any]:
    """The word lists of `identifiers.toml`."""
    return tomllib.loads(files("audit.ingest").joinpath("identifiers.toml").read_text(encoding="utf-8"))


@cache
def _fields() -> dict[str, str]:
    return {name: field for field, names in words()["columns"].items() for name in names}
