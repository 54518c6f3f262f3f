"""What the screens may ask, and the core's answers as frozen view models."""
