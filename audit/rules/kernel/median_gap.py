"""The median time between purchases, in compiled code."""

from audit.rules.kernel.jit import apart
from audit.rules.kernel.layout import Int64, Records


@apart
def median_gap(nodes: Records, moments: Int64, node: int, n: int) -> int:
    """Of the `n` purchases of a chain that ends at `node`, 0 where they are one moment; half µs round to even."""
    for k in range(n):
        moments[k] = nodes[node].at
        node = nodes[node].before
    _sort(moments, n)
    gaps = 0
    for k in range(1, n):
        if moments[k] != moments[k - 1]:
            moments[gaps] = moments[k] - moments[k - 1]
            gaps += 1
    if gaps == 0:
        return 0
    _sort(moments, gaps)
    both = moments[(gaps - 1) // 2] + moments[gaps // 2]
    half = both >> 1
    return half + 1 if both & 1 and half & 1 else half


@apart
def _sort(moments: Int64, n: int) -> None:
    """Sort the first `n` by ever smaller gaps (Ciura, FCT 2001, for the gaps)."""
    for gap in (17_000, 7_500, 3_300, 1_750, 701, 301, 132, 57, 23, 10, 4, 1):
        for k in range(gap, n):
            value, place = moments[k], k
            while place >= gap and moments[place - gap] > value:
                moments[place] = moments[place - gap]
                place -= gap
            moments[place] = value
