"""The core of whysent: plain functions over polars frames, usable as a library.

Nothing in here knows a screen or a command line.
"""

__version__ = "0.1.0"
