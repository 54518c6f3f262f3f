"""The rule book: every rule with every version it ever had, who changed it, when, and why; and what is proposed for it.

Nothing is overwritten: a change is new rows. A change is planned first, and applied only if nobody else changed
the book since. Where the workspace asks for a second person, somebody else than its author has to approve it.
"""

from audit.rules.book.book import Book
from audit.rules.book.proposals import Case, Proposal, Request, proposal_id
from audit.rules.book.versions import Version

__all__ = ["Book", "Case", "Proposal", "Request", "Version", "proposal_id"]
