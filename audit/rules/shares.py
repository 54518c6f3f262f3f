"""How often something happened among so many, and how far a number so small can be trusted."""

from math import sqrt
from statistics import NormalDist
from typing import Any

_Z = NormalDist().inv_cdf(0.975)


def share(count: int, among: int) -> dict[str, Any]:
    """`count` of `among` with its 95 % interval (Wilson, JASA 22, 1927, 209-212)."""
    if not among:
        return {"n": count, "of": among, "rate": None, "low": None, "high": None}
    rate, z2 = count / among, _Z**2
    middle = (rate + z2 / (2 * among)) / (1 + z2 / among)
    half = _Z / (1 + z2 / among) * sqrt(rate * (1 - rate) / among + z2 / (4 * among**2))
    low, high = (round(bound, 6) for bound in (max(0.0, middle - half), min(1.0, middle + half)))
    return {"n": count, "of": among, "rate": round(rate, 6), "low": low, "high": high}
