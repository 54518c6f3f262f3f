"""Suppression rules: the model, the files, the book, the reference evaluator and the replay over the past."""
