"""How the kernel is compiled: once, then kept on disk."""

from hashlib import sha256
from pathlib import Path
from typing import Any

import numba
import numpy as np

_compiled: Any = numba.njit  # whose types know neither `_nrt` nor what it does to a function

outer = _compiled(cache=True, nogil=True, error_model="numpy", _nrt=False)
"""What Python calls. Nothing is allocated inside, so that arrays need not be counted."""

inner = _compiled(nogil=True, error_model="numpy", _nrt=False, forceinline=True, no_cpython_wrapper=True)
"""What it is made of, put in place where it is called: arguments are dozens of arrays, whose passing would cost more
than the work."""

apart = _compiled(nogil=True, error_model="numpy", _nrt=False, no_cpython_wrapper=True)
"""What is called with a few arrays, or seldom."""


@inner
def nth(place: int) -> Any:
    """An index that is not negative, where the work is: of others the code asks whether they count from the end.

    That was a tenth of the loop.
    """
    return np.uint64(place)


def sources() -> int:
    """A number that changes with any file of the kernel.

    What is kept on disk is found by the file of the function that was compiled and by what that function closes over:
    it has to close over this, since it is made of other files too.
    """
    read = sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        read.update(path.read_bytes())
    return int.from_bytes(read.digest()[:7], "big")
