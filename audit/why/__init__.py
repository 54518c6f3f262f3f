"""Why: a message, a segment or a recommendation → an explanation with its evidence and its counterfactual."""

from audit.why.bulk_causes import causes
from audit.why.expiry import End, membership_end, membership_ended, recommendation_end
from audit.why.item import item
from audit.why.message import message
from audit.why.model import Absence, Counterfactual, Explanation, Facts, Reason, Subject, WhyDocument
from audit.why.segment import absence, segment

__all__ = [
    "Absence",
    "Counterfactual",
    "End",
    "Explanation",
    "Facts",
    "Reason",
    "Subject",
    "WhyDocument",
    "absence",
    "causes",
    "item",
    "membership_end",
    "membership_ended",
    "message",
    "recommendation_end",
    "segment",
]
