"""Every figure of every sentence, read out of the text and worked out a second time from the events, in plain Python."""
