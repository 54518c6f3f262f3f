"""What a customer said before a message, in compiled code: what `consents` says in plain Python."""

from audit.rules.kernel.jit import apart, inner
from audit.rules.kernel.layout import CUSTOMER, GIVEN, NO, SAYING, WITHDRAWN, Int32, Said, Task


@inner
def refused(task: Task, i: int) -> int:
    """The oldest no in force against message `i`; -1 if there is none."""
    begin, end = task.said.first[task.work.state[CUSTOMER]], task.work.state[SAYING]
    return _refused(task.said, i, begin, end) if begin < end else -1


@inner
def agreed(task: Task, i: int) -> bool:
    """Whether a consent is in force for every sensitive topic of message `i`."""
    begin, end = task.said.first[task.work.state[CUSTOMER]], task.work.state[SAYING]
    return _agreed(task.said, i, begin, end)


@apart
def _refused(said: Said, i: int, begin: int, end: int) -> int:
    found = -1
    for back in range(end - begin):
        j = end - 1 - back
        if _bears(said, j, i) and _shares(said, j, i):
            if said.says[j] != NO and said.says[j] != WITHDRAWN:
                return found
            found = j
    return found


@apart
def _agreed(said: Said, i: int, begin: int, end: int) -> bool:
    for k in range(said.message_sensitives[i], said.message_sensitives[i + 1]):
        if not _agreed_to(said, i, said.message_sensitive[k], begin, end):
            return False
    return True


@inner
def _agreed_to(said: Said, i: int, topic: int, begin: int, end: int) -> bool:
    for back in range(end - begin):
        j = end - 1 - back
        topics, after = said.topics[j], said.topics[j + 1]
        if _bears(said, j, i):
            if said.says[j] == GIVEN and _holds(said.topic, topics, after, topic):
                return True
            if said.says[j] == WITHDRAWN and (topics == after or _holds(said.topic, topics, after, topic)):
                return False
    return False


@inner
def _bears(said: Said, j: int, i: int) -> bool:
    """Whether the act's channel and sender are absent or the message's own."""
    channel, sender = said.channel[j], said.sender[j]
    ours = channel < 0 or channel == said.message_channel[i]
    return ours and (sender < 0 or sender == said.message_sender[i])


@inner
def _shares(said: Said, j: int, i: int) -> bool:
    """Whether the act's topics are absent or shared."""
    begin, end = said.topics[j], said.topics[j + 1]
    if begin == end:
        return True
    for k in range(said.message_topics[i], said.message_topics[i + 1]):
        if _holds(said.topic, begin, end, said.message_topic[k]):
            return True
    return False


@inner
def _holds(topic: Int32, begin: int, end: int, one: int) -> bool:
    for k in range(begin, end):  # noqa: SIM110 - a generator cannot be compiled
        if topic[k] == one:
            return True
    return False
