"""Why a message was sent: the first of the five standings that can account for it."""

import polars as pl

from audit.population.context import Context
from audit.why import attribution
from audit.why.message_context import told
from audit.why.model import Explanation
from audit.why.wording import Voice


def message(
    events: pl.DataFrame, context: Context, ident: str, *, names_sensitive: bool = False
) -> Explanation:
    """Explain a message of one customer, named by its message_id or an event_id of it.

    `events` are that customer's whole history up to `context.at`, lacking what was left out. What the sender
    recorded comes first, then our own definitions, then the list it went to, then what could be. Sensitive topics
    are named only with `names_sensitive`. Raises NotFoundError.
    """
    one = told(events, context, ident, Voice(names_sensitive=names_sensitive))
    for account in (attribution.stated, attribution.derived, attribution.broadcast, attribution.inferred):
        made = account(one)
        if made is not None:
            return made
    return attribution.unexplained(one)
