"""Why: a message, a segment or a recommendation → an explanation with its evidence and its counterfactual."""

from audit.why.causes import causes
from audit.why.end import End, membership_end, recommendation_end
from audit.why.model import Counterfactual, Explanation, Reason, Subject
from audit.why.of_item import item
from audit.why.of_message import message
from audit.why.of_segment import absence, segment

__all__ = [
    "Counterfactual",
    "End",
    "Explanation",
    "Reason",
    "Subject",
    "absence",
    "causes",
    "item",
    "membership_end",
    "message",
    "recommendation_end",
    "segment",
]
