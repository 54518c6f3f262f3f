"""How often something happened among so many, and how far a number so small can be trusted."""

from typing import Any


def share(count: int, among: int) -> dict[str, Any]:
    """`count` of `among` with its 95 % interval (Wilson, JASA 22, 1927, 209-212), as scipy has it."""
    from scipy.stats import binomtest

    if not among:
        return {"n": count, "of": among, "rate": None, "low": None, "high": None}
    interval = binomtest(count, among).proportion_ci(method="wilson")
    low, high = (round(float(bound), 6) for bound in interval)
    return {"n": count, "of": among, "rate": round(count / among, 6), "low": low, "high": high}
