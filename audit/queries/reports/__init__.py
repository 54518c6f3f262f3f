"""What is handed on as Markdown, HTML or JSON: the internal note, the reply to the customer, a replay, a curve."""

from audit.queries.reports.call_script import aloud
from audit.queries.reports.case_facts import chosen, messages_to_explain
from audit.queries.reports.document import FORMATS, Report
from audit.queries.reports.internal import internal
from audit.queries.reports.language import LOCALES, language
from audit.queries.reports.limits import in_one_line, left_out, repairs, sentences, without_messages
from audit.queries.reports.replay_report import replay, sweep
from audit.queries.reports.reply import reply
from audit.queries.reports.weekly import weekly

__all__ = [
    "FORMATS",
    "LOCALES",
    "Report",
    "aloud",
    "chosen",
    "in_one_line",
    "internal",
    "language",
    "left_out",
    "messages_to_explain",
    "repairs",
    "replay",
    "reply",
    "sentences",
    "sweep",
    "weekly",
    "without_messages",
]
