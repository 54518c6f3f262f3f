"""How the kernel is compiled: once, then kept on disk."""

from typing import Any

import numba

_compiled: Any = numba.njit  # whose types know neither `_nrt` nor what it does to a function

outer = _compiled(cache=True, nogil=True, error_model="numpy", _nrt=False)
"""What Python calls. Nothing is allocated inside, so that arrays need not be counted."""

inner = _compiled(nogil=True, error_model="numpy", _nrt=False, forceinline=True)
"""What it is made of, put in place where it is called: arguments are dozens of arrays, whose passing would cost more
than the work."""

apart = _compiled(nogil=True, error_model="numpy", _nrt=False)
"""What is called with a few arrays, or seldom."""
