"""Totals of decisions, in compiled code."""

from typing import NamedTuple

from audit.rules.kernel.jit import outer
from audit.rules.kernel.layout import PUT_OFF, STOPPED, Decided, Int8, Int32, Int64

DECISIONS, BECAME = 3, 32
"""How many decisions there are, and how many ways to become something (`following`)."""


class Counted(NamedTuple):
    """The rows of events that a cap counted when it stopped a message: `rows[begins : begins + counts]`."""

    begins: Int64
    counts: Int32
    rows: Int32


@outer
def cells(decided: Decided, became: Int8, provider: Int32, counts: Int64) -> None:
    """Count messages by `((provider + 1) * DECISIONS + decision) * 2 + deferred) * BECAME + became`."""
    for i in range(became.size):
        deferred = 1 if decided.deciding[i] == PUT_OFF else 0
        kind = ((provider[i] + 1) * DECISIONS + decided.decision[i]) * 2 + deferred
        counts[kind * BECAME + became[i]] += 1


@outer
def affected(first: Int64, decided: Decided) -> int:
    """How many customers have a message that was stopped or put off."""
    number = 0
    for customer in range(first.size - 1):
        for i in range(first[customer], first[customer + 1]):
            if decided.decision[i] == STOPPED or decided.deciding[i] == PUT_OFF:
                number += 1
                break
    return number


@outer
def displaced(counted: Counted, campaign: Int32, row: Int32, seen: Int64, pairs: Int64) -> int:
    """Put into `pairs` each stopped message once for each campaign that its cap counted; how many there are.

    A pair is `(by + 1) * seen.size + stopped + 1`. `campaign`: of each row of events; `row`: of each message; `seen`:
    room for every campaign and one, zero.
    """
    number = 0
    for i in range(row.size):
        for k in range(counted.begins[i], counted.begins[i] + counted.counts[i]):
            by = campaign[counted.rows[k]] + 1
            if seen[by] != i + 1:
                seen[by] = i + 1
                pairs[number] = by * seen.size + campaign[row[i]] + 1
                number += 1
    return number
