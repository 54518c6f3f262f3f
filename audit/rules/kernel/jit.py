"""How the kernel is compiled: once, then kept on disk."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import numba
import numpy as np

_compiled: Any = numba.njit  # whose types know neither `_nrt` nor what it does to a function

outer = _compiled(cache=True, nogil=True, error_model="numpy", _nrt=False)
"""For what Python calls. Nothing is allocated inside, so that arrays need not be counted."""

inner = _compiled(nogil=True, error_model="numpy", _nrt=False, forceinline=True, no_cpython_wrapper=True)
"""For parts of it, put in place where they are called: arguments are dozens of arrays, whose passing would cost more
than the work."""

apart = _compiled(nogil=True, error_model="numpy", _nrt=False, no_cpython_wrapper=True)
"""For what is called with a few arrays, or seldom."""


@inner
def nth(index: int) -> Any:
    """An index that is not negative; of others the code asks whether they count from the end: a tenth of the loop."""
    return np.uint64(index)


def sources() -> int:
    """A number that changes with any file of the kernel.

    Compiled code on disk is found by the function's own file and by what the function closes over; it is made of
    other files too, so it has to close over this number.
    """
    digest = sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return int.from_bytes(digest.digest()[:7], "big")
