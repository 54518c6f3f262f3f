"""By what somebody is found: identifiers in one spelling for the blind index, and those that stand in a text."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple

from audit.storage import toml_input

_TOLD_APART_BY = 8
"""House value: two telephone numbers whose last eight digits are equal are one; what stands before depends on where one dials."""

_FEWEST_DIGITS = 7


class Identifier(NamedTuple):
    """What somebody may be known by. `field`: pseudonym, source_id, email, phone, name."""

    field: str
    value: str


INVISIBLE = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
"""Signs that nobody sees, as a pattern's set: soft hyphen, zero-width signs, marks of direction, byte order mark."""

_UNSEEN = re.compile(f"[{INVISIBLE}]")
_OUTER = re.compile(rf"^[\s{INVISIBLE}]+|[\s{INVISIBLE}]+$")
_PHONE = re.compile(r"\s*\+[\d\s()./-]+")
_DIGITS_OF_A_PHONE = (8, 15)
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def normalised_email(text: str) -> str:
    """An e-mail address in one spelling, so that the same person is found again: without outer blanks and signs that nobody
    sees, casefolded, in NFC.

    Both parts are folded: no large mailbox provider tells `Jo@` from `jo@`. Dots and `+tags` stay: what they mean
    differs from provider to provider.
    """
    seen = _UNSEEN.sub("", text).replace("\u00a0", "").strip()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", seen).casefold())


def normalised_id(text: str) -> str:
    """A source's id in one spelling: one that is an e-mail address as such; any other keeps what it is, `007` and capitals, and
    loses outer blanks and signs that nobody sees.
    """
    return normalised_email(text) if is_address(text) else _OUTER.sub("", text)


def is_address(text: str) -> bool:
    """Whether a text is an e-mail address and nothing else."""
    return "@" in text and _ADDRESS.fullmatch(normalised_email(text)) is not None


def field_of_id(text: str) -> str | None:
    """What else a source's id is: an e-mail address, or a telephone number, which only a + before it tells from other numbers."""
    if is_address(text):
        return "email"
    digits = len(re.sub(r"\D", "", text)) if _PHONE.fullmatch(text) else 0
    return "phone" if _DIGITS_OF_A_PHONE[0] <= digits <= _DIGITS_OF_A_PHONE[1] else None


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
