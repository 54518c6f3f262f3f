"""The reference evaluator: the semantics of the nine kinds of rule in plain Python, a message at a time."""
