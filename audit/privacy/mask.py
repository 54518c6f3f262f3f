"""What may be shown of a direct identifier: enough to tell two tickets apart, too little to write to somebody."""

from collections.abc import Iterable
from functools import cache

from audit.storage import toml_input

HIDDEN = "•••"


def mask(field: str, value: str) -> str:
    """`value` as anybody may see it.

    An e-mail address keeps its first letter and top-level domain (`m•••@•••.de`), a name its initials, a phone
    number its last two digits, an address its country if it ends with one; of all else nothing is shown.
    """
    masker = {"email": _email, "name": _name, "phone": _phone, "address": _address}.get(field)
    return masker(value.strip()) if masker is not None else HIDDEN


def mask_all(values: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Field → the masks of its values, each once, in the order they came."""
    by_field: dict[str, dict[str, None]] = {}
    for field, value in values:
        by_field.setdefault(field, {})[mask(field, value)] = None
    return {field: ", ".join(masks) for field, masks in by_field.items()}


def _email(value: str) -> str:
    local, at, domain = value.rpartition("@")
    _, dot, top = domain.rpartition(".")
    if not (local and at and dot and top.isalpha()):
        return HIDDEN
    return f"{local[0]}{HIDDEN}@{HIDDEN}.{top}"


def _name(value: str) -> str:
    return " ".join(f"{word[0]}." for word in value.split() if word[0].isalpha()) or HIDDEN


def _phone(value: str) -> str:
    digits = [character for character in value if character.isdigit()]
    return HIDDEN + "".join(digits[-2:]) if len(digits) > 4 else HIDDEN


def _address(value: str) -> str:
    _, comma, ending = value.replace("\n", ",").rpartition(",")
    country = ending.strip()
    return f"{HIDDEN}, {country}" if comma and country.casefold() in _countries() else HIDDEN


@cache
def _countries() -> frozenset[str]:
    return frozenset(
        name.casefold() for name in toml_input.shipped("audit.privacy", "countries.toml")["names"]
    )
