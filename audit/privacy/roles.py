"""Who may do what: the table of roles as data, and the one place that is asked.

In a personal workspace roles guard against slips: whoever can open the files can read them.
"""

import getpass
from dataclasses import dataclass
from enum import IntEnum

from audit.errors import NotPermittedError


class Role(IntEnum):
    """From least to most; `--as` goes down only. Reviewer and operator stand side by side: neither contains the other."""

    AGENT = 1
    REVIEWER = 2
    OPERATOR = 3
    ADMIN = 4


class Reach(IntEnum):
    """How far a role may act: not at all, on its own entries, on one customer at a time and with a ticket, or on all."""

    NONE = 0
    OWN = 1
    ONE = 2
    ALL = 3


_NONE, _OWN, _ONE, _ALL = Reach.NONE, Reach.OWN, Reach.ONE, Reach.ALL

TABLE: dict[str, tuple[Reach, Reach, Reach, Reach]] = {
    # action          agent  reviewer operator admin
    "find":          (_ONE,  _ALL,  _ALL,  _ALL),
    "show":          (_ONE,  _ALL,  _ALL,  _ALL),
    "why":           (_ONE,  _ALL,  _ALL,  _ALL),
    "report":        (_ONE,  _ALL,  _ALL,  _ALL),
    "propose":       (_ONE,  _ALL,  _ALL,  _ALL),
    "list":          (_NONE, _ALL,  _ALL,  _ALL),
    "audit_all":     (_NONE, _ALL,  _ALL,  _ALL),
    "simulate":      (_NONE, _ALL,  _ALL,  _ALL),
    "sweep":         (_NONE, _ALL,  _ALL,  _ALL),
    "see_rules":     (_NONE, _ALL,  _ALL,  _ALL),
    "change_rules":  (_NONE, _NONE, _ALL,  _ALL),
    "sensitive":     (_NONE, _ALL,  _NONE, _ALL),
    "reveal":        (_ONE,  _ALL,  _NONE, _ALL),
    "quarantine":    (_ONE,  _ALL,  _NONE, _ALL),
    "tracking":      (_NONE, _ALL,  _OWN,  _ALL),
    "log":           (_NONE, _ALL,  _OWN,  _ALL),
    "access_report": (_NONE, _ALL,  _OWN,  _ALL),
    "checks":        (_NONE, _ALL,  _OWN,  _ALL),
    "retain_plan":   (_NONE, _ALL,  _OWN,  _ALL),
    "import":        (_NONE, _NONE, _ALL,  _ALL),
    "map":           (_NONE, _NONE, _ALL,  _ALL),
    "link":          (_NONE, _ALL,  _ALL,  _ALL),
    "gate":          (_NONE, _NONE, _ALL,  _ALL),
    "handover":      (_NONE, _NONE, _ALL,  _ALL),
    "backup":        (_NONE, _NONE, _ALL,  _ALL),
    "forget":        (_NONE, _ALL,  _NONE, _ALL),
    "retain":        (_NONE, _NONE, _NONE, _ALL),
    "restore":       (_NONE, _NONE, _NONE, _ALL),
    "policy":        (_NONE, _NONE, _NONE, _ALL),
    "keys":          (_NONE, _NONE, _NONE, _ALL),
}  # fmt: skip
"""Action → how far an agent, a reviewer, an operator and an admin may go."""

WITHOUT_COMMAND = frozenset(
    {
        "quarantine", "tracking", "log", "access_report", "retain_plan", "backup", "forget", "retain", "restore",
        "keys",
    }
)  # fmt: skip
"""Actions of the table that no command or screen asks for yet."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody looking, in a role, for a ticket and a reason. `lists_for_agents`: the workspace's policy lets agents see lists."""

    role: Role = Role.ADMIN
    ticket: str | None = None
    reason: str | None = None
    lists_for_agents: bool = False

    def reach(self, action: str) -> Reach:
        """How far this viewer may go. An unknown action is a KeyError: nothing is allowed by a slip of the pen."""
        granted = TABLE[action][self.role - 1]
        if granted is Reach.NONE and action in ("list", "audit_all") and self.lists_for_agents:
            return Reach.ALL
        if granted is Reach.ONE and not self.ticket:
            return Reach.NONE
        return granted

    def may(self, action: str) -> bool:
        """Whether this viewer may do it at all."""
        return self.reach(action) is not Reach.NONE

    def require(self, action: str) -> None:
        """Raises NotPermittedError unless this viewer may do it."""
        if self.may(action):
            return
        if TABLE[action][self.role - 1] is Reach.ONE:
            raise NotPermittedError(
                f"{action}: the role {self.name} needs a ticket; start with: whysent case --ticket T"
            )
        raise NotPermittedError(f"{action}: not in the role {self.name}; ask somebody who holds another")

    @property
    def name(self) -> str:
        """The role as people write it."""
        return self.role.name.lower()

    @property
    def names_sensitive(self) -> bool:
        """Whether sensitive topics are named to this viewer."""
        return self.may("sensitive")

    def lowered(self, role: str) -> "Viewer":
        """The same viewer in a lower role. Raises NotPermittedError for one that is not lower, or unknown."""
        lower = next((known for known in Role if known.name.lower() == role), None)
        if lower is None:
            raise NotPermittedError(f"{role!r} is no role; there are agent, reviewer, operator and admin")
        if any(row[self.role - 1] < row[lower - 1] for row in TABLE.values()):
            raise NotPermittedError(
                f"the role {self.name} cannot act as {role}: a role can only be lowered; leave --as away, or ask whoever made the workspace"
            )
        return Viewer(lower, self.ticket, self.reason, self.lists_for_agents)


def current_user() -> str:
    """The current_user of the user that runs this program; `unknown` where the system has none for them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
