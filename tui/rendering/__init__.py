"""View models turned into text for the screens: pure functions, no widgets."""
