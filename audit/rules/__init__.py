"""Suppression rules: the model and its kinds, the files, the book, the reference evaluator and the replay over the past."""

from audit.rules import kinds as kinds
