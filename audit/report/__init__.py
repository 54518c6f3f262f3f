"""What is handed on as Markdown, HTML or JSON: the internal note, the reply to the customer, a replay, a curve."""

from audit.report.aloud import aloud
from audit.report.choose import chosen, messages_to_explain
from audit.report.document import FORMATS, Report, Section
from audit.report.internal import internal
from audit.report.language import LOCALES
from audit.report.reply import reply
from audit.report.tuning import replay, sweep
from audit.report.weekly import Weekly, weekly

__all__ = [
    "FORMATS",
    "LOCALES",
    "Report",
    "Section",
    "Weekly",
    "aloud",
    "chosen",
    "internal",
    "messages_to_explain",
    "replay",
    "reply",
    "sweep",
    "weekly",
]
