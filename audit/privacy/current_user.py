"""Who sits here, as the system knows them."""

import getpass


def name() -> str:
    """The name of the user that runs this program; `unknown` where the system has none for them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
