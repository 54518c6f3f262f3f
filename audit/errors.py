"""What can go wrong, in a few named kinds. The command line maps each to an exit code."""


class WhysentError(Exception):
    """An error a person can act on: one line that says what, where, and what to do."""


class InputError(WhysentError):
    """A file, a definition or a rule cannot be used as it is.

    `problem` says what is wrong; `key` names the key that it is about, and `place` whose key it is, where there is one.
    """

    def __init__(self, problem: str, *, place: str = "", key: str = "") -> None:
        super().__init__(": ".join(part for part in (place, key, problem) if part))
        self.problem = problem
        self.key = key


class NotFoundError(WhysentError):
    """No such customer, message, segment, item, rule or workspace."""


class NoWorkspaceError(NotFoundError):
    """There is no workspace in the folder asked for."""


class WorkspaceError(WhysentError):
    """The workspace cannot be opened, locked, read or written."""


class NotPermittedError(WhysentError):
    """The user's role does not allow this."""
