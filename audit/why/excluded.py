"""What was left out of an explanation: what has to do with the decision and does not count, each with why."""

from collections.abc import Iterator
from dataclasses import replace

import polars as pl

from audit.why import reasons
from audit.why.model import Reason
from audit.why.wording import Voice


def acts(events: pl.DataFrame, found: pl.DataFrame, voice: Voice) -> Iterator[Reason]:
    """A leaf for each kind of act in `found` (`event_id, why`), the newest first, with why it does not count."""
    for (why,), rows in found.group_by("why", maintain_order=True):
        of_them = events.filter(pl.col("event_id").is_in(rows["event_id"].implode())).to_dicts()[::-1]
        for leaf in reasons.together(voice, of_them):
            yield replace(leaf, text=f"{leaf.text}: {why}", facts=None)
