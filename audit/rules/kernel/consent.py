"""Opt-outs and opt-ins: as arrays, and in compiled code what is in force before a message (`reference.consents`)."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from audit.events.vocabulary import OPT_INS, OPT_OUTS
from audit.rules.kernel import layout
from audit.rules.kernel.dictionary_encoding import EncodedTexts
from audit.rules.kernel.encoded_events import EncodedEvents
from audit.rules.kernel.jit import apart, inner
from audit.rules.kernel.layout import ConsentActs, Int32, Int64, Task
from audit.rules.kinds.consent import CONSENT_ACTS
from audit.rules.model import Rule

_STANCE = {**dict.fromkeys(OPT_OUTS, layout.OPT_OUT), **dict.fromkeys(OPT_INS, layout.OPT_IN)} | {
    "consent_withdrawn": layout.CONSENT_WITHDRAWN,
    "consent_given": layout.CONSENT_GIVEN,
}


def kinds(rules: Sequence[Rule]) -> tuple[str, ...]:
    """The kinds of opt-outs and opt-ins, if any rule reads them."""
    return CONSENT_ACTS.kinds if any(CONSENT_ACTS in rule.acts_read() for rule in rules) else ()


def consent_acts(
    events: EncodedEvents, rows: Int32, messages: Int32, sensitive: pl.Series, positions: tuple[Int64, Int64, Int32]
) -> ConsentActs:  # fmt: skip
    """The consent acts in `rows`, and what of `messages` (rows too) they are compared with.

    `sensitive`: lists of the sensitive topics of each message; `positions`: `offsets, at, rank` of the acts.
    """
    compared = messages if rows.size else messages[:0]
    act_trait, message_trait = events.trait[rows], events.trait[compared]
    channel, sender = (events.encoded(name).codes if rows.size else rows for name in ("channel", "sender"))
    topics = events.frame["topics"] if rows.size else pl.Series(dtype=pl.List(pl.String))
    lists = _encoded_lists(topics.gather(rows), topics.gather(compared), sensitive)
    (act_topics, topic), (message_topics, message_topic), (sensitives, message_sensitive) = lists
    stance = events.encoded("kind").map(lambda kind: _STANCE.get(kind or "", 0))[act_trait]
    offsets, at, rank = positions
    return ConsentActs(
        offsets, at, rank, rows, stance.astype(np.int8), channel[act_trait], sender[act_trait], act_topics, topic,
        channel[message_trait], sender[message_trait], message_topics, message_topic, sensitives, message_sensitive,
    )  # fmt: skip


def _encoded_lists(*columns: pl.Series) -> list[tuple[Int64, Int32]]:
    """Lists of texts as numbers that all columns share: the offset of each row's list, and the numbers."""
    flat = [column.filter(column.list.len() > 0).explode() for column in columns]
    codes = EncodedTexts(pl.concat(flat)).codes
    cuts = np.cumsum([texts.len() for texts in flat])
    return [
        (np.concatenate(([0], np.cumsum(column.list.len().fill_null(0).to_numpy()))).astype(np.int64), part)
        for column, part in zip(columns, np.split(codes, cuts[:-1]), strict=True)
    ]


# -- compiled ---------------------------------------------------------------------------------------------------


@inner
def refusal(task: Task, i: int) -> int:
    """The oldest opt-out in force against message `i`; -1 if there is none."""
    begin, end = task.consents.offsets[task.work.state[layout.CUSTOMER]], task.work.state[layout.NEXT_CONSENT]
    return _refusal(task.consents, i, begin, end) if begin < end else -1


@inner
def agreed(task: Task, i: int) -> bool:
    """Whether a consent is in force for every sensitive topic of message `i`."""
    begin, end = task.consents.offsets[task.work.state[layout.CUSTOMER]], task.work.state[layout.NEXT_CONSENT]
    return _agreed(task.consents, i, begin, end)


@apart
def _refusal(consents: ConsentActs, i: int, begin: int, end: int) -> int:
    oldest = -1
    for back in range(end - begin):
        j = end - 1 - back
        if _bears(consents, j, i) and _shares_topic(consents, j, i):
            if consents.stance[j] != layout.OPT_OUT and consents.stance[j] != layout.CONSENT_WITHDRAWN:
                return oldest
            oldest = j
    return oldest


@apart
def _agreed(consents: ConsentActs, i: int, begin: int, end: int) -> bool:
    for k in range(consents.message_sensitives[i], consents.message_sensitives[i + 1]):
        if not _agreed_to(consents, i, consents.message_sensitive[k], begin, end):
            return False
    return True


@inner
def _agreed_to(consents: ConsentActs, i: int, topic: int, begin: int, end: int) -> bool:
    for back in range(end - begin):
        j = end - 1 - back
        topics, after = consents.topics[j], consents.topics[j + 1]
        if _bears(consents, j, i):
            if consents.stance[j] == layout.CONSENT_GIVEN and _contains(consents.topic, topics, after, topic):
                return True
            if consents.stance[j] == layout.CONSENT_WITHDRAWN and (
                topics == after or _contains(consents.topic, topics, after, topic)
            ):
                return False
    return False


@inner
def _bears(consents: ConsentActs, j: int, i: int) -> bool:
    """Whether the act's channel and sender are absent or the message's own."""
    channel, sender = consents.channel[j], consents.sender[j]
    same_channel = channel < 0 or channel == consents.message_channel[i]
    return same_channel and (sender < 0 or sender == consents.message_sender[i])


@inner
def _shares_topic(consents: ConsentActs, j: int, i: int) -> bool:
    """Whether the act's topics are absent or shared."""
    begin, end = consents.topics[j], consents.topics[j + 1]
    if begin == end:
        return True
    for k in range(consents.message_topics[i], consents.message_topics[i + 1]):
        if _contains(consents.topic, begin, end, consents.message_topic[k]):
            return True
    return False


@inner
def _contains(codes: Int32, begin: int, end: int, code: int) -> bool:
    for k in range(begin, end):  # noqa: SIM110 - a generator cannot be compiled
        if codes[k] == code:
            return True
    return False
