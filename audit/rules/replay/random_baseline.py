"""As many chosen at random, where only how many there are of each sort is known."""

import random
from collections.abc import Sequence
from math import exp, lgamma


def drawn(counts: Sequence[int], number: int, seed: int) -> list[int]:
    """How many of each sort are among `number` chosen at random, none twice; the same for the same `seed`.

    A multivariate hypergeometric variate, sort by sort (Gentle, Random Number Generation and Monte Carlo Methods,
    2nd ed. 2003, section 5.2). Raises ValueError if there are not so many.
    """
    left = sum(counts)
    if number > left:
        raise ValueError(f"{number} of {left}")
    dice, made = random.Random(seed), []  # noqa: S311 - nothing depends on its being a secret
    for count in counts:
        left -= count
        made.append(_hypergeometric(dice.random(), count, left, number))
        number -= made[-1]
    return made


def _hypergeometric(u: float, good: int, bad: int, draws: int) -> int:
    """How many of `good` are among `draws` out of `good + bad`, by inversion, outwards from the mode."""
    low, high = max(0, draws - bad), min(good, draws)
    mode = min(max((draws + 1) * (good + 1) // (good + bad + 2), low), high)
    log = _choose(good, mode) + _choose(bad, draws - mode) - _choose(good + bad, draws)
    below, above = mode - 1, mode + 1
    chance_below = chance_above = exp(log)
    u -= chance_below
    while u > 0 and (below >= low or above <= high):
        if below >= low:
            chance_below *= (below + 1) * (bad - draws + below + 1) / ((good - below) * (draws - below))
            u -= chance_below
            if u <= 0:
                return below
            below -= 1
        if above <= high:
            chance_above *= (good - above + 1) * (draws - above + 1) / (above * (bad - draws + above))
            u -= chance_above
            if u <= 0:
                return above
            above += 1
    return mode


def _choose(of: int, chosen: int) -> float:
    """The logarithm of how many ways there are."""
    return lgamma(of + 1) - lgamma(chosen + 1) - lgamma(of - chosen + 1)
