"""Rules replayed over the recorded past: totals, outcomes, curves, for one customer or a fleet."""
