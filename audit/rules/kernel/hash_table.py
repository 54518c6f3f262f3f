"""Small numbers for hashes, in compiled code: an open-addressing table."""

from typing import NamedTuple

import numpy as np

from audit.rules.kernel.jit import outer
from audit.rules.kernel.layout import Int32, UInt64

SPREADING = 0x9E3779B97F4A7C15
"""2^64 over the golden ratio (Knuth, TAOCP 3, section 6.4)."""


class Table(NamedTuple):
    """`keys` and their numbers, `places`, -1 where a slot is empty; their length is a power of two.

    `firsts` is where each number was first seen; its last entry takes how many there are.
    """

    keys: UInt64
    places: Int32
    firsts: Int32


@outer
def number(hashes: UInt64, begin: int, table: Table, known: int, out: Int32) -> int:
    """Number `hashes` from row `begin` on in the order they are first seen; the row where the table became half full.

    `known`: how many numbers the table holds.
    """
    keys, places, firsts = table.keys, table.places, table.firsts
    mask = keys.size - 1
    for row in range(begin, hashes.size):
        key = hashes[row]
        slot = key & mask
        while places[slot] >= 0 and keys[slot] != key:
            slot = (slot + 1) & mask
        if places[slot] < 0:
            if 2 * known >= mask:
                firsts[-1] = known
                return row
            keys[slot] = key
            places[slot] = known
            firsts[known] = row
            known += 1
        out[row] = places[slot]
    firsts[-1] = known
    return hashes.size


@outer
def join(keys: UInt64, others: UInt64) -> None:
    """Make `keys` tell apart what `others` do too."""
    for row in range(keys.size):
        keys[row] = keys[row] * np.uint64(SPREADING) + others[row]
