"""The gate of a workspace: decisions for a stream of lines, with a record. `audit.rules.gate` is what decides."""

from audit.gate.stream import FOLDER, Stream, opened

__all__ = ["FOLDER", "Stream", "opened"]
