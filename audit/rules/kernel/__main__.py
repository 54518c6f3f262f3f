"""Compile the kernel and keep it on disk: `python -m audit.rules.kernel`, politely towards whoever works meanwhile."""

import os

from audit.rules.kernel import warmup

if hasattr(os, "nice"):
    os.nice(10)
warmup.up()
