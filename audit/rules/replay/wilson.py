"""How often something happened among so many, and how far a number so small can be trusted."""

from math import sqrt
from statistics import NormalDist
from typing import Any

_Z = NormalDist().inv_cdf(0.975)
"""Of a normal distribution, 95 % lies within so many standard deviations."""


def share(count: int, among: int) -> dict[str, Any]:
    """`n` of `of`: the rate and its 95 % interval, `low` to `high`, rounded to six digits; null of none."""
    if not among:
        return {"n": count, "of": among, "rate": None, "low": None, "high": None}
    low, high = (round(bound, 6) for bound in interval(count, among))
    return {"n": count, "of": among, "rate": round(count / among, 6), "low": low, "high": high}


def interval(count: int, among: int) -> tuple[float, float]:
    """The 95 % interval of the rate `count / among` (Wilson, JASA 22, 1927, 209-212; as in Newcombe, 1998, method 3)."""
    middle = (2 * count + _Z**2) / (2 * (among + _Z**2))
    half = _Z * sqrt(4 * count * (among - count) / among + _Z**2) / (2 * (among + _Z**2))
    return (middle - half if count else 0.0), (middle + half if count < among else 1.0)
