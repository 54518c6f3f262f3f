"""The gate of a workspace: decisions for a stream of lines, with a record. `audit.enforcement.gate.decider` is what decides."""

from audit.enforcement.gate.stream import FOLDER, Stream, opened

__all__ = ["FOLDER", "Stream", "opened"]
