"""Room kept for one campaign under a frequency cap: the rule that keeps it, and what becomes of who displaces whom with it.

No kind of rule reserves. A second cap does: what is not of the campaign may take all but one of the places, so that within
every window one is left that only the campaign can take. A cap of one has no place to leave; there the nearest is that the
campaign neither counts nor is stopped.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from audit.errors import InputError
from audit.rules.model import Rule, from_dict, to_dict
from audit.rules.replay.totals import Displacement


@dataclass(frozen=True, slots=True)
class Room:
    """`rule`: what would be put into the book; `apart`: it takes the place of the cap, from which the campaign is left out."""

    campaign: str
    rule: Rule
    apart: bool

    def beside(self, cap: Rule) -> list[Rule]:
        """The rules that stand in the place of the cap alone."""
        return [self.rule] if self.apart else [cap, self.rule]


def room_for(cap: Rule, campaign: str) -> Room:
    """The rule that keeps room for a campaign under `cap`. Raises InputError where there is none."""
    keys = to_dict(cap)
    if not cap.displaces:
        raise InputError("only a frequency cap has room that can be kept")
    if not keys["limit"]:
        raise InputError(f"{cap.id} lets nothing through; there is no room to keep")
    excepted: dict[str, Any] = {"except_campaigns": [*keys.get("except_campaigns", ()), campaign]}
    if keys["limit"] == 1:
        return Room(campaign, from_dict({**keys, **excepted}), apart=True)
    slug = re.sub(r"[^\w.-]+", "-", campaign.lower()).strip("-")
    new = {"id": f"room-for-{slug}", "title": f"One of {keys['limit']} kept for {campaign}"}
    limit = {"limit": keys["limit"] - 1}
    return Room(campaign, from_dict({**keys, **new, **limit, **excepted, "enabled": True}), apart=False)


def both(
    before: Iterable[Displacement], after: Iterable[Displacement]
) -> list[tuple[str | None, str | None, int, int]]:
    """Each pair of `by` and `stopped` with its messages before and after, the most before first."""
    was, is_now = _by_pair(before), _by_pair(after)
    pairs = dict.fromkeys((*was, *is_now))
    return [(*pair, was.get(pair, 0), is_now.get(pair, 0)) for pair in pairs]


def _by_pair(displaced: Iterable[Displacement]) -> Mapping[tuple[str | None, str | None], int]:
    return {(pair.by, pair.stopped): pair.n for pair in displaced}
