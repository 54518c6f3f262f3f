"""A complaint as it came: whose letter it is, and what in that customer's own history it is about. Nothing of it is kept."""
