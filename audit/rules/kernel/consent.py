"""Noes and yeses: as arrays, and in compiled code what is in force before a message (`kinds.consent.Consents`)."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from audit.events.vocabulary import COMPLAINT, NOES, OPT_INS, is_human_expr
from audit.rules.kernel import layout
from audit.rules.kernel.dictionary_encoding import EncodedTexts, as_array
from audit.rules.kernel.encoded_events import EncodedEvents
from audit.rules.kernel.jit import apart, inner
from audit.rules.kernel.layout import Bool, ConsentActs, Int32, Int64, Task
from audit.rules.kinds.consent import CONSENT_ACTS
from audit.rules.model import Rule

_STANCE = {**dict.fromkeys(NOES, layout.OPT_OUT), **dict.fromkeys(OPT_INS, layout.OPT_IN)} | {
    "consent_withdrawn": layout.CONSENT_WITHDRAWN,
    "consent_given": layout.CONSENT_GIVEN,
}


def kinds(rules: Sequence[Rule]) -> tuple[str, ...]:
    """The kinds of noes and yeses, if any rule reads them."""
    return CONSENT_ACTS.kinds if any(CONSENT_ACTS in rule.acts_read() for rule in rules) else ()


def act_rows(events: EncodedEvents, rules: Sequence[Rule]) -> Int32:
    """The rows of noes and yeses, if any rule reads them; a complaint that a machine made is none."""
    rows = events.rows(kinds(rules))
    if not rows.size or COMPLAINT not in events.encoded("kind").values:
        return rows
    by_machine = events.examples.select((pl.col("kind") == COMPLAINT) & ~is_human_expr()).to_series()
    return rows[~as_array(by_machine, np.bool_)[events.trait[rows]]]


def consent_acts(
    events: EncodedEvents, rows: Int32, messages: Int32, sensitive: pl.Series, positions: tuple[Int64, Int64, Int32]
) -> ConsentActs:  # fmt: skip
    """The consent acts in `rows`, and what of `messages` (rows too) they are compared with.

    `sensitive`: lists of the sensitive topics of each message; `positions`: `offsets, at, rank` of the acts.
    """
    compared = messages if rows.size else messages[:0]
    act_trait, message_trait = events.trait[rows], events.trait[compared]
    channel, sender, list_id = (
        events.encoded(name).codes if rows.size else rows for name in ("channel", "sender", "list_id")
    )
    is_complaint = events.encoded("kind").map(lambda kind: kind == COMPLAINT).astype(np.bool_)[act_trait]
    address_trait = _address_traits(events, rows, is_complaint, messages)
    act_list = np.where(is_complaint, -1, list_id[act_trait]).astype(np.int32)
    topics = events.frame["topics"] if rows.size else pl.Series(dtype=pl.List(pl.String))
    lists = _encoded_lists(topics.gather(rows), topics.gather(compared), sensitive)
    (act_topics, topic), (message_topics, message_topic), (sensitives, message_sensitive) = lists
    stance = events.encoded("kind").map(lambda kind: _STANCE.get(kind or "", 0))[act_trait]
    offsets, at, rank = positions
    return ConsentActs(
        offsets, at, rank, rows, stance.astype(np.int8), channel[address_trait], sender[address_trait], act_list,
        act_topics, topic, channel[message_trait], sender[message_trait], list_id[message_trait],
        message_topics, message_topic, sensitives, message_sensitive,
    )  # fmt: skip


def _address_traits(events: EncodedEvents, rows: Int32, is_complaint: Bool, messages: Int32) -> Int32:
    """The trait of each act, of a complaint that of its message where it is known (`vocabulary.addressed`)."""
    traits = events.trait[rows]
    if is_complaint.any():
        complaints, of_message = events.complained_about(messages)
        known = np.flatnonzero(is_complaint & np.isin(rows, complaints))
        traits[known] = events.trait[of_message[np.searchsorted(complaints, rows[known])]]
    return traits


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
def lacks_list(task: Task, i: int) -> int:
    """1 if an act before message `i` might bear on it, if it named its list."""
    begin, end = task.consents.offsets[task.work.state[layout.CUSTOMER]], task.work.state[layout.NEXT_CONSENT]
    return 1 if begin < end and _lacks_list(task.consents, i, begin, end) else 0


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
def _lacks_list(consents: ConsentActs, i: int, begin: int, end: int) -> bool:
    if consents.message_list[i] >= 0:
        return False
    for j in range(begin, end):
        if (
            consents.list_id[j] >= 0
            and _agrees_but_for_list(consents, j, i)
            and _shares_topic(consents, j, i)
        ):
            return True
    return False


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
    """Whether the act's channel, sender and list are absent or the message's own."""
    list_id = consents.list_id[j]
    same_list = list_id < 0 or list_id == consents.message_list[i]
    return same_list and _agrees_but_for_list(consents, j, i)


@inner
def _agrees_but_for_list(consents: ConsentActs, j: int, i: int) -> bool:
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
