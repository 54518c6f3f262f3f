"""Why: a message, a segment or a recommendation → an explanation with its evidence and its counterfactual."""

from audit.why.model import Counterfactual, Explanation, Reason, Subject
from audit.why.of_message import message

__all__ = ["Counterfactual", "Explanation", "Reason", "Subject", "message"]
