"""A workspace: one folder on disk, and the snapshot of it that a question is answered from."""
