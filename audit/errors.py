"""What can go wrong, in a few named kinds. The command line maps each to an exit code."""


class WhysentError(Exception):
    """An error a person can act on: one line that says what, where, and what to do."""


class InputError(WhysentError):
    """A file, a definition or a rule cannot be used as it is."""


class NotFoundError(WhysentError):
    """No such customer, message, segment, item, rule or workspace."""


class WorkspaceError(WhysentError):
    """The workspace cannot be opened, locked, read or written."""


class NotPermittedError(WhysentError):
    """The user's role does not allow this."""
