"""A case as Markdown, HTML or JSON: the internal note, and the reply to the customer."""

from audit.report.choose import messages_to_explain
from audit.report.document import FORMATS, Report, Section
from audit.report.internal import internal
from audit.report.language import LOCALES
from audit.report.reply import reply

__all__ = ["FORMATS", "LOCALES", "Report", "Section", "internal", "messages_to_explain", "reply"]
