"""That messages came no more: as far as the log of messages goes on after them without a gap, and which messages those are."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Literal

import polars as pl

from audit.events.messages import sent_messages
from audit.events.schema import first_levels
from audit.events.vocabulary import campaign_expr, campaign_of, is_marketing_expr
from audit.why.message_context import MessageContext
from audit.why.wording import day
from audit.workspace.context import Context

Alike = Literal["themselves", "campaign", "matter", "channel"]
"""Which messages are like those of a finding: no others, where it is about how they came; those of their campaigns, else of
their subjects; these and those about the same items and areas; or all marketing over their channels."""

Stopped = Literal["again", "campaign", "campaigns", "subject", "matter", "marketing"]
"""What came no more: that what was found happened again, or messages of that sort."""

_SENT = "message_sent"
_BEFORE = timedelta(microseconds=1)
"""What is known before a gap ends so long before it."""

_ENOUGH_SILENCE = timedelta(days=30)
"""House value: a shorter silence is not told as an end."""

_NONE_SINCE: dict[Stopped, str] = {
    "again": "It has not happened again since {since}",
    "campaign": "None of this campaign has come since {since}",
    "campaigns": "None of these campaigns has come since {since}",
    "subject": "None with this subject has come since {since}",
    "matter": "None about this, and none of its campaigns, has come since {since}",
    "marketing": "No marketing has come over this channel since {since}",
}

_LAST: dict[Stopped, str] = {
    "again": "It last happened on {since}",
    "campaign": "The last of this campaign came on {since}",
    "campaigns": "The last of these campaigns came on {since}",
    "subject": "The last with this subject came on {since}",
    "matter": "The last about this or of its campaigns came on {since}",
    "marketing": "The last marketing over this channel came on {since}",
}
"""What is said where the silence is too short to be an end."""

_AREA = first_levels(pl.col("category"), 2)
"""House value: messages are about the same where so many levels of their categories are equal."""

_OF_CAMPAIGNS: tuple[Stopped, ...] = ("subject", "campaign", "campaigns")
"""What messages of no, one or more campaigns are called."""


@dataclass(frozen=True, slots=True)
class Silence:
    """No more of some messages came after `since`, as far as the log of messages goes: to `until` (UTC), but for its `gaps`
    (first and last days) after `since`.

    `over`: up to the first of them it is longer than any pause between them was, and than a month, so that one may say that
    none has come since. `of`: which messages; `words`: what is said in place of the usual words, over or not, with `{since}` in it.
    """

    since: datetime
    until: datetime
    over: bool
    of: Stopped = "campaign"
    words: str = ""
    gaps: tuple[tuple[date, date], ...] = ()

    @property
    def in_words(self) -> str:
        """`None of this campaign has come since 2026-06-10; messages are known to 2026-11-20.`"""
        usual = _NONE_SINCE[self.of] if self.over else _LAST[self.of]
        stopped = (self.words or usual).format(since=day(self.since))
        return f"{stopped}; messages are known to {day(self.until)}{self._gaps_in_words}."

    @property
    def _gaps_in_words(self) -> str:
        if not self.gaps:
            return ""
        begin, end = self.gaps[0][0], self.gaps[-1][1]
        span = f"on {begin}" if begin == end else f"from {begin} to {end}"
        stretches = f"in {len(self.gaps)} stretches " if len(self.gaps) > 1 else ""
        return f", but some may be missing {stretches}{span}"


def silence_after(
    context: Context, sent: Sequence[datetime], of: Stopped = "campaign", words: str = ""
) -> Silence | None:
    """The silence after messages `sent` at these times (UTC, in order); None where the log does not go on after them."""
    if not sent or _SENT not in context.coverage.kinds:
        return None
    since = sent[-1]
    until = min(context.coverage.kinds[_SENT].last, context.at)
    if until <= since:
        return None
    gaps = sorted(
        (begin, end)
        for begin, end in context.coverage.gaps_of((_SENT,))
        if end >= since.date() and begin <= until.date()
    )
    unbroken = min([until, *(datetime.combine(begin, time(), UTC) - _BEFORE for begin, _ in gaps)])
    pauses = [after - before for before, after in pairwise(sent)]
    over = unbroken - since > max([_ENOUGH_SILENCE, *pauses])
    return Silence(since, until, over, of, words, tuple(gaps))


def silence_of_campaign(message: MessageContext) -> Silence | None:
    """How long no message of the same campaign, else none with the same subject, came at the moment asked about.

    None of a message that has neither, nor of a campaign that sent but this one: that it sent no second shows no end.
    """
    of: Stopped = "campaign" if _campaign(message) else "subject"
    sent = sent_of_campaign(message)
    alone = of == "campaign" and len(sent) == 1
    return None if alone else silence_after(message.context, sent, of)


def sent_of_campaign(message: MessageContext) -> list[datetime]:
    """When (UTC, in order) the messages of its campaign, else those with its subject, were sent; none of a message that has neither."""
    campaign = _campaign(message)
    if campaign is None and message.row["subject"] is None:
        return []
    same = campaign_expr() == campaign if campaign else pl.col("subject") == message.row["subject"]
    return sent_messages(message.events.filter(same))["occurred_at"].to_list()


def _campaign(message: MessageContext) -> str | None:
    return campaign_of(message.row["campaign_id"], message.row["campaign_name"])


def silence_after_finding(
    context: Context, events: pl.DataFrame, event_ids: Sequence[str], *, alike: Alike, words: str = ""
) -> Silence | None:
    """How long no message like those of a finding (their ids among the customer's `events`) came; see `Alike`.

    `words`: what is said of it, where the finding has words of its own for that.
    """
    own = events.filter(pl.col("event_id").is_in(event_ids))
    like, of = _like(own, alike)
    sent = sent_messages(events.filter(like.fill_null(value=False)))
    times = pl.concat([own["occurred_at"], sent["occurred_at"]]).unique().sort()
    return silence_after(context, times.to_list(), of, words)


def _like(own: pl.DataFrame, alike: Alike) -> tuple[pl.Expr, Stopped]:
    """Which messages are like the finding's `own`, and what they are called."""
    if alike == "themselves":
        return pl.lit(value=False), "again"
    if alike == "channel" and own.select(is_marketing_expr().all()).item():
        channels = own["channel"].unique().implode()
        return pl.col("channel").is_in(channels, nulls_equal=True) & is_marketing_expr(), "marketing"
    campaigns = own.select(campaign_expr()).to_series().drop_nulls().unique()
    nameless = own.filter(campaign_expr().is_null())["subject"].drop_nulls().unique().implode()
    like = campaign_expr().is_in(campaigns.implode()) | (
        campaign_expr().is_null() & pl.col("subject").is_in(nameless)
    )
    if alike in ("campaign", "channel"):
        return like, _OF_CAMPAIGNS[min(len(campaigns), 2)]
    areas = own.select(_AREA.alias("area"))["area"].drop_nulls().unique().implode()
    items = own["item_id"].drop_nulls().unique().implode()
    return like | _AREA.is_in(areas).fill_null(value=False) | pl.col("item_id").is_in(items), "matter"
