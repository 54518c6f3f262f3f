"""Random names for customers: only the vault's map ties one to a person."""

import secrets
from collections.abc import Callable

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32 in small letters: no i, l, o, u, so that a pseudonym can be read out on the telephone."""

LENGTH = 8

Maker = Callable[[str], str]
"""Gives a pseudonym for a source id; asked again when the one it gave is taken."""


def random_pseudonym(_source_id: str) -> str:
    """`c_` and eight random characters (40 bits): nothing about the person is in it."""
    bits = secrets.randbits(5 * LENGTH)
    return "c_" + "".join(ALPHABET[bits >> 5 * place & 31] for place in range(LENGTH))
