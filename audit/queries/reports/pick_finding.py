"""Which finding a report answers, and which of its messages are worth explaining one by one."""

from collections.abc import Mapping, Sequence
from typing import Any

from audit.errors import InputError
from audit.findings import check

Document = Mapping[str, Any]


def chosen(findings: Sequence[Document], ident: str | None) -> Document | None:
    """The finding with the id `ident`; by default the first that can be told, hints only where there is nothing else.

    A mere hint of what a reply is not for is never chosen by itself. Raises InputError where there is no finding `ident`.
    """
    if ident is not None:
        for row in findings:
            if row["id"] == ident:
                return row
        raise InputError(f"no finding {ident!r} of this customer; `whysent audit` lists them")
    tellable = [row for row in findings if row["verdict"] != "cannot_tell"]
    hints = [row for row in tellable if row["severity"] == "info" and not check(row["check"]).handed_to]
    return next((row for row in tellable if row["severity"] != "info"), hints[0] if hints else None)


def messages_to_explain(
    findings: Sequence[Document], *, finding: str | None = None, most: int = 12
) -> list[str]:
    """The newest messages (event_ids, oldest first) of the finding that is `chosen`, else of the first that has any."""
    finding_row = chosen(findings, finding) or next((row for row in findings if row["messages"]), None)
    return list(finding_row["messages"])[-most:] if finding_row is not None else []
