"""Rules at work on what has not gone out yet: the gate for a stream, the suppression list for the sending system."""
