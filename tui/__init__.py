"""What people see; what the program's exit codes mean, which error has which, and the sign that something is under way."""

from enum import IntEnum

from audit.errors import NotPermittedError, WhysentError

BEAT = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
"""A sign that moves."""


class Exit(IntEnum):
    """`NO`: done, and the answer is no. `USAGE`: wrong usage, unreadable input, nothing by that name."""

    OK = 0
    NO = 1
    USAGE = 2
    NOT_PERMITTED = 3
    INTERRUPTED = 130


def exit_code(error: WhysentError) -> Exit:
    """The exit code that an error ends the program with."""
    return Exit.NOT_PERMITTED if isinstance(error, NotPermittedError) else Exit.USAGE
