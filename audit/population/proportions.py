"""Two shares held against each other: by chance? how far apart? Each over many pairs of shares at once (arrays)."""

from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

Z = 1.959963984540054
"""Of 95 % intervals."""

_NEGLIGIBLE = 1e-12
"""A term that adds less than this share to a sum ends it."""

STRATA = 5
"""House value: others are held against recipients in so many parts by how many different things they do."""

_WHOLE = 1e-9
"""What is nearer to a whole number than this is that number."""


def half_of(numbers: Array) -> int:
    """The highest number that half of these at least have or exceed."""
    return int(np.sort(numbers)[numbers.size // 2]) if numbers.size else 0


def strata(recipients: Array, everybody: Array) -> Array:
    """The part that each of `everybody` falls into by the numbers of the `recipients`, of whom each holds as many, or near."""
    ordered = np.sort(recipients)
    cuts = ordered[[part * ordered.size // STRATA for part in range(1, STRATA)]]
    return np.searchsorted(cuts, everybody, "right").astype(np.int64)


def standardised(stratum: Array, got: Array, holds: Array, among: Array) -> tuple[float, float, Array]:
    """The recipients' share; that of the others, were they spread over the strata as these are; four counts for `log_chance`.

    By person: the `stratum`, whether a recipient (`got`), whether one who `holds` it, whether one `among` whom it is asked.
    Direct standardisation; where a stratum has no others they are taken to be as its recipients are, and neither counts.
    Others count for as many as would tell as much unweighted (Kish, Survey Sampling, 1965, § 11.7).
    """
    cells = 2 * stratum + got
    holders, people = (
        np.bincount(cells[who], minlength=2 * STRATA).reshape(STRATA, 2) for who in (holds, among)
    )
    (of_others, of_recipients), (outside, recipients) = (holders / np.maximum(people, 1)).T, people.T
    comparable, weight = outside > 0, recipients / recipients.sum()
    share = float(weight @ np.where(comparable, of_others, of_recipients))
    inside = recipients * comparable
    if not inside.any():
        return float(weight @ of_recipients), share, np.zeros(4, np.int64)
    parts = inside / inside.sum()
    worth = int(1 / (parts[comparable] ** 2 / outside[comparable]).sum() + _WHOLE)
    several = ceil(float(parts @ of_others) * worth - _WHOLE)
    counts = np.array([(holders[:, 1] * comparable).sum(), inside.sum(), several, worth])
    return float(weight @ of_recipients), share, counts


def wilson(count: Array, among: Array | int) -> tuple[Array, Array]:
    """The 95 % interval of the share `count / among` (Wilson, JASA 22, 1927, 209-212)."""
    count = np.asarray(count, float)
    middle = (2 * count + Z**2) / (2 * (among + Z**2))
    half = Z * np.sqrt(4 * count * (among - count) / among + Z**2) / (2 * (among + Z**2))
    return np.where(count > 0, middle - half, 0.0), np.where(count < among, middle + half, 1.0)


def ratio_interval(
    count: Array, among: Array | int, other: Array, others: Array | int
) -> tuple[Array, Array]:
    """The 95 % interval of the first share over the second, out of the Wilson intervals of both; without end: infinite.

    MOVER-R of Donner and Zou (Statistical Methods in Medical Research 21, 2012, 347-359), for shares as in Fagerland
    and Newcombe (Statistics in Medicine 32, 2013, 3006-3018).
    """
    (low, high), (other_low, other_high) = wilson(count, among), wilson(other, others)
    share, other_share = np.asarray(count, float) / among, np.asarray(other, float) / others
    product = share * other_share
    spread_below = product**2 - low * other_high * (2 * share - low) * (2 * other_share - other_high)
    spread_above = product**2 - high * other_low * (2 * share - high) * (2 * other_share - other_low)
    least = (product - np.sqrt(np.maximum(spread_below, 0))) / (other_high * (2 * other_share - other_high))
    with np.errstate(divide="ignore", invalid="ignore"):
        most = (product + np.sqrt(np.maximum(spread_above, 0))) / (other_low * (2 * other_share - other_low))
    return least, np.where(other_low > 0, most, np.inf)


def log_factorials(most: int) -> Array:
    """log(n!) for n from 0 to `most`."""
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, most + 1)))])


def log_chance(count: Array, among: Array | int, other: Array, others: Array | int, logs: Array) -> Array:
    """The logarithm of the chance that the first share is as high or higher by luck alone, all margins as they are.

    Fisher's exact test of two shares, one-sided (Fisher, Statistical Methods for Research Workers, 1934, § 21.02): the
    upper tail of the hypergeometric distribution. 0 where the first share is not the higher one. `logs`: `log_factorials`
    of all people at least.
    """
    count, other = np.asarray(count, np.int64), np.asarray(other, np.int64)
    among, others = np.broadcast_to(among, count.shape), np.broadcast_to(others, count.shape)
    chance = np.zeros(count.shape)
    chosen = np.flatnonzero(count * others > other * among)
    k, n, rest, m = count[chosen], among[chosen], other[chosen], others[chosen]
    drawn, everybody = k + rest, n + m
    first = (
        logs[n] - logs[k] - logs[n - k] + logs[m] - logs[rest] - logs[m - rest]
        - logs[everybody] + logs[drawn] + logs[everybody - drawn]
    )  # fmt: skip
    total, term, open_sums = np.ones(k.shape), np.ones(k.shape), np.arange(k.size)
    while open_sums.size:
        top, left = n[open_sums] - k[open_sums], rest[open_sums]
        term = term * top * left / ((k[open_sums] + 1) * (m[open_sums] - left + 1))
        total[open_sums] += term
        k[open_sums] += 1
        rest[open_sums] -= 1
        goes_on = term > _NEGLIGIBLE * total[open_sums]
        open_sums, term = open_sums[goes_on], term[goes_on]
    chance[chosen] = np.minimum(first + np.log(total), 0.0)
    return chance


def holm(log_chances: Array) -> Array:
    """Chances adjusted for there being so many (Holm, Scandinavian Journal of Statistics 6, 1979, 65-70), at most 1."""
    order = np.argsort(log_chances, kind="stable")
    steps = np.log(np.arange(order.size, 0, -1))
    adjusted = np.empty(order.size)
    adjusted[order] = np.exp(np.minimum(np.maximum.accumulate(log_chances[order] + steps), 0.0))
    return adjusted
