"""Totals of decisions, in compiled code."""

from typing import NamedTuple

from audit.rules.kernel.jit import outer
from audit.rules.kernel.layout import PUT_OFF, STOPPED, Bool, Decided, Int8, Int32, Int64

DECISIONS, BECAME = 3, 32
"""How many decisions there are, and how many ways to become something (`following`)."""


class Displacing(NamedTuple):
    """What displacement is told from. `caps`: whether a rule is a cap, by what `deciding` says of it (the last: put off).

    `campaign`: of each trait; `trait`: of each message; `counted`: the traits of what rules counted.
    """

    caps: Bool
    campaign: Int32
    trait: Int32
    counted: Int32


@outer
def cells(decided: Decided, became: Int8, trait: Int32, provider: Int32, counts: Int64) -> None:
    """Count messages by `((provider + 1) * DECISIONS + decision) * 2 + deferred) * BECAME + became`.

    `trait`: of each message; `provider`: of each trait.
    """
    for i in range(became.size):
        deferred = 1 if decided.deciding[i] == PUT_OFF else 0
        kind = ((provider[trait[i]] + 1) * DECISIONS + decided.decision[i]) * 2 + deferred
        counts[kind * BECAME + became[i]] += 1


@outer
def affected(first: Int64, decided: Decided, by_rule: Int64) -> int:
    """How many customers have a message that was stopped or put off; and in `by_rule`, how many each rule stopped."""
    number = 0
    for customer in range(first.size - 1):
        touched = 0
        for i in range(first[customer], first[customer + 1]):
            if decided.decision[i] == STOPPED:
                by_rule[decided.deciding[i] - 1] += 1
                touched = 1
            elif decided.deciding[i] == PUT_OFF:
                touched = 1
        number += touched
    return number


@outer
def displaced(decided: Decided, asked: Displacing, seen: Int64, pairs: Int64) -> int:
    """Put into `pairs` each stopped message once for each campaign that its cap counted; how many there are.

    A pair is `(by + 1) * seen.size + stopped + 1`. `seen`: room for every campaign and one, zero.
    """
    number = 0
    for i in range(asked.trait.size):
        if asked.caps[decided.deciding[i]]:
            for k in range(decided.begins[i], decided.begins[i] + decided.counts[i]):
                by = asked.campaign[asked.counted[k]] + 1
                if seen[by] != i + 1:
                    seen[by] = i + 1
                    pairs[number] = by * seen.size + asked.campaign[asked.trait[i]] + 1
                    number += 1
    return number
