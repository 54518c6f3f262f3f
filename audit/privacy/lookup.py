"""By what somebody is found: identifiers in one spelling for the blind index, and those that stand in a text."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from audit.storage import database, toml_input

_TOLD_APART_BY = 8
"""House value: two telephone numbers whose last eight digits are equal are one; what stands before depends on where one dials."""

_FEWEST_DIGITS = 7


class Identifier(NamedTuple):
    """What somebody may be known by. `field`: pseudonym, source_id, email, phone, name."""

    field: str
    value: str


def normalised_email(text: str) -> str:
    """An e-mail address in one spelling, so that the same person is found again: without outer blanks, casefolded, in NFC.

    Both parts are folded: no large mailbox provider tells `Jo@` from `jo@`. Dots and `+tags` stay: what they mean
    differs from provider to provider.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text.strip()).casefold())


def normalised_phone(text: str) -> str:
    """The last digits of a telephone number; empty where there are too few for one."""
    digits = re.sub(r"\D", "", text)
    return digits[-_TOLD_APART_BY:] if len(digits) >= _FEWEST_DIGITS else ""


def normalised_name(text: str) -> str:
    """A name without titles, capitals, accents and order: `Quandt, Dr. Martina` is `martina quandt`."""
    words = re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", unaccented(text))
    return " ".join(sorted(word for word in words if word not in _titles()))


def unaccented(text: str) -> str:
    """Casefolded, without accents; `ä`, `ae` and `a` stay apart."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


@cache
def _titles() -> frozenset[str]:
    return frozenset(toml_input.shipped("audit.privacy", "titles.toml")["titles"])


NORMALISED: Mapping[str, Callable[[str], str]] = {
    "email": normalised_email,
    "phone": normalised_phone,
    "name": normalised_name,
}
"""Field of the vault by which somebody is found → its values in one spelling."""


def namesakes(path: Path) -> dict[str, tuple[str, ...]]:
    """Customer (a pseudonym) → the others by which the vault at `path` knows the same e-mail address; who has none is left
    out. That two addresses are equal shows without the key.
    """
    with database.connect(path) as db:
        rows = db.execute(
            "select distinct mine.pseudonym, other.pseudonym from identifiers mine join identifiers other"
            " on mine.lookup = other.lookup and mine.pseudonym <> other.pseudonym where mine.lookup in ("
            " select lookup from identifiers where lookup is not null and field = 'email'"
            " group by lookup having count(distinct pseudonym) > 1) order by 1, 2"
        ).fetchall()
    others: dict[str, list[str]] = {}
    for name, other in rows:
        others.setdefault(name, []).append(other)
    return {name: tuple(names) for name, names in others.items()}
