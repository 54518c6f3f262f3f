"""Messages put off, in compiled code: a heap, the earliest on top, ties by rank."""

from audit.rules.kernel.jit import apart, inner
from audit.rules.kernel.layout import WAITING, Int32, Int64


@inner
def _sooner(due: Int64, waiting: Int32, rank: Int32, one: int, other: int) -> bool:
    return due[one] < due[other] or (due[one] == due[other] and rank[waiting[one]] < rank[waiting[other]])


@inner
def _swap(due: Int64, waiting: Int32, one: int, other: int) -> None:
    due[one], due[other] = due[other], due[one]
    waiting[one], waiting[other] = waiting[other], waiting[one]


@apart
def push(due: Int64, waiting: Int32, rank: Int32, state: Int64, at: int, i: int) -> None:
    """Put message `i` off to `at`."""
    place = state[WAITING]
    state[WAITING] = place + 1
    due[place], waiting[place] = at, i
    while place > 0 and _sooner(due, waiting, rank, place, (place - 1) // 2):
        _swap(due, waiting, place, (place - 1) // 2)
        place = (place - 1) // 2


@apart
def pop(due: Int64, waiting: Int32, rank: Int32, state: Int64) -> int:
    """Take the earliest away: the message that it is."""
    found = waiting[0]
    last = state[WAITING] - 1
    state[WAITING] = last
    due[0], waiting[0] = due[last], waiting[last]
    place = 0
    while True:
        least = place
        for child in (2 * place + 1, 2 * place + 2):
            if child < last and _sooner(due, waiting, rank, child, least):
                least = child
        if least == place:
            return found
        _swap(due, waiting, place, least)
        place = least
