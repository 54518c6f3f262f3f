"""Files of records that are not written as text a line: Avro, and mailboxes; each record is handed on as a line of JSON.

Of a mail the headers are read and nothing else: where the next one begins is all that its body is looked at for.
"""

import email.policy
import io
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC
from email.message import Message
from email.parser import BytesHeaderParser
from email.utils import getaddresses, parsedate_to_datetime
from functools import cache
from itertools import islice
from typing import IO, Any

import msgspec

from audit.errors import InputError

HEADERS = 1024**2
"""Bytes of a mail's headers, at most; what comes after them is taken for its body."""

_LINE = 64 * 1024
_ADDRESS_TEXT = 200
_HEADER_TEXT = 500
"""Characters of a header that are read, at most."""
_RECIPIENTS = 100
"""House value: of one mail at most so many recipients are read."""
_DELIVERED = ("Delivered-To", "X-Original-To", "X-Delivered-To", "Envelope-To", "X-Envelope-To")
"""Headers in which the receiving server says whose mailbox it is, the surest first."""
_FROM = re.compile(
    rb"From +(?:[^\n]*? +)?(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? +(?:\d\d? +)?"
    rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) .*\d\d:\d\d.*\d{4}"
)
"""The line before each mail: who sent it and, always, when; a body may begin a line with From too, but not so."""
_HEAD = re.compile(
    rb"^(?:from|to|date|subject|message-id|received|delivered-to|return-path|mime-version):", re.IGNORECASE
)
"""A header that a mail has; what follows a line with From in a body begins with none."""
_FIRST = re.compile(rb">?From |[!-9;-~]+:")
"""How what follows the line before a mail begins: a header, or a copy of that line."""
_HEADER = re.compile(rb"(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*){2}")
_KNOWN = re.compile(
    rb"^(?:message-id|received|delivered-to|return-path|mime-version|subject):", re.IGNORECASE | re.MULTILINE
)
_TOO_MUCH = (RecursionError, OverflowError, MemoryError)
_ENCODER = msgspec.json.Encoder(enc_hook=str)


class Lines(io.RawIOBase):
    """Records as a stream of JSON lines."""

    def __init__(self, records: Iterable[dict[str, Any]]) -> None:
        super().__init__()
        self._records, self._ready = iter(records), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            record = next(self._records, None)
            if record is None:
                return 0
            try:
                self._ready = _ENCODER.encode(record) + b"\n"
            except RecursionError as error:
                raise InputError("a record lies in too many others to be read") from error
        count = min(len(buffer), len(self._ready))
        buffer[:count], self._ready = self._ready[:count], self._ready[count:]
        return count


def lines_of(kind: str) -> Callable[[IO[bytes], str], IO[bytes]] | None:
    """What turns a file of this kind into lines of JSON; None for other kinds."""
    readers = {"avro": avro, "mbox": mbox, "mail": mail}
    reader = readers.get(kind)
    return None if reader is None else lambda stream, path: lines(reader(stream, path))


def lines(records: Iterable[dict[str, Any]]) -> IO[bytes]:
    """Records as a stream of JSON lines."""
    return io.BufferedReader(Lines(records), _LINE)


def avro(stream: IO[bytes], path: str) -> Iterator[dict[str, Any]]:
    """The records of an Avro container, with the name of their type as `@type`. Raises InputError where it is broken."""
    import fastavro

    try:
        records = fastavro.reader(stream)
        schema = records.writer_schema
        if _is_empty(schema):
            raise InputError(f"{path}: its Avro holds values of no size, as many as it likes; it is refused")
        parts = [schema.get(part) for part in ("namespace", "name")] if isinstance(schema, dict) else []
        name = ".".join(part for part in parts if part)
        for record in records:
            if not isinstance(record, dict):
                raise InputError(f"{path}: its Avro holds no records, but values alone")
            yield {"@type": name, **record} if name else record
    except (EOFError, ValueError, TypeError, KeyError, IndexError, StopIteration, *_TOO_MUCH) as error:
        raise InputError(f"{path}: the Avro is broken or cut off ({error}); fetch it again") from error


def _is_empty(schema: Any) -> bool:
    """Whether a schema has records or lists of what takes no byte: a few bytes may claim billions of them."""
    if isinstance(schema, list):
        return any(map(_is_empty, schema))
    if not isinstance(schema, dict):
        return False
    nothing = schema.get("items") == "null" or (schema.get("type") == "record" and not schema.get("fields"))
    return nothing or any(
        map(_is_empty, (*schema.get("fields", ()), schema.get("type"), schema.get("items")))
    )


def is_mail(start: bytes) -> str | None:
    """`mbox` or `mail`, if a file begins as one."""
    if start.startswith(b"From ") and _FROM.match(start.split(b"\n", 1)[0] + b"\n"):
        return "mbox"
    head = start.split(b"\n\n", 1)[0].split(b"\r\n\r\n", 1)[0] + b"\n"
    return "mail" if _HEADER.match(start) and len(_KNOWN.findall(head)) > 1 else None


def mail(stream: IO[bytes], _: str) -> Iterator[dict[str, Any]]:
    """One mail: what its headers say. Its body is not read at all."""
    headers, _after = _headers(stream, stream.readline(_LINE))
    if headers:
        yield _of_headers(headers)


def mbox(stream: IO[bytes], _: str) -> Iterator[dict[str, Any]]:
    """The mails of a mailbox: what their headers say. A mail begins with a line that says From and when, behind which headers
    stand; there need be no empty line before it, and in a body such a line means nothing where no headers follow.
    """
    line, begins = stream.readline(_LINE), True
    while line:
        if not (begins and _begins_mail(line)):
            begins = line.endswith(b"\n")
            line = stream.readline(_LINE)
            continue
        envelope = line
        headers, line = _headers(stream, stream.readline(_LINE))
        if headers and _FIRST.match(headers[0]) and any(_HEAD.match(header) for header in headers):
            yield _of_headers([envelope, *headers])


def _begins_mail(line: bytes) -> bool:
    return line.startswith(b"From ") and _FROM.match(line) is not None


def _headers(stream: IO[bytes], line: bytes) -> tuple[list[bytes], bytes]:
    """The lines from `line` to the first that is empty, or begins another mail, and that line; of too many, those that are read."""
    headers: list[bytes] = []
    size, begins = 0, True
    while line and size <= HEADERS and not (begins and (not line.strip() or _begins_mail(line))):
        headers.append(line)
        size, begins = size + len(line), line.endswith(b"\n")
        line = stream.readline(_LINE)
    return headers, line


@cache
def _parser() -> BytesHeaderParser:
    return BytesHeaderParser(policy=email.policy.compat32)


def _of_headers(lines: list[bytes]) -> dict[str, Any]:
    envelope = lines[0].decode("latin-1").strip() if lines[0].startswith(b"From ") else ""
    message = _parser().parsebytes(b"".join(lines[1:] if envelope else lines))
    sender, address = next(iter(getaddresses([_text(message.get("From"))[:_ADDRESS_TEXT]])), ("", ""))
    delivered = next((_text(message[name]) for name in _DELIVERED if message.get(name)), None)
    recipients = [] if delivered else _recipients(message)
    said = {
        "date": _date(message.get("Date"), envelope),
        "from_name": sender or None,
        "from_address": address or None,
        "from_domain": address.rpartition("@")[2].lower() or None,
        "to": recipients or None,
        "to_one": recipients[0] if len(recipients) == 1 else None,
        "delivered_to": delivered,
        "subject": _text(message.get("Subject")) or None,
        "message_id": _text(message.get("Message-ID")).strip("<> ") or None,
        "list_id": _list_id(_text(message.get("List-Id"))),
        "list_unsubscribe": "yes" if message.get("List-Unsubscribe") else None,
        "one_click": "yes" if message.get("List-Unsubscribe-Post") else None,
        "precedence": _text(message.get("Precedence")).lower() or None,
        "feedback_id": "yes" if message.get("Feedback-ID") else None,
        "labels": _text(message.get("X-Gmail-Labels")) or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _recipients(message: Message) -> list[str]:
    """Everybody a mail was written to, each address once."""
    written = [_text(value) for name in ("To", "Cc", "Bcc") for value in message.get_all(name, ())]
    addresses = (address.casefold() for _, address in getaddresses(written) if "@" in address)
    return [*dict.fromkeys(islice(addresses, _RECIPIENTS))]


def _text(value: Any) -> str:
    """A header with its encoded words read; what cannot be read stands as it is."""
    if value is None:
        return ""
    value = str(value)[:_HEADER_TEXT]
    try:
        parts = email.header.decode_header(str(value))
        text = "".join(
            part.decode(charset or "utf-8", "replace") if isinstance(part, bytes) else part
            for part, charset in parts
        )
    except (LookupError, ValueError, email.errors.HeaderParseError):
        text = str(value)
    return " ".join(text.encode("utf-8", "replace").decode().split())


def _list_id(text: str) -> str | None:
    return (re.search(r"<([^>]+)>", text) or re.search(r"(\S+)", text) or [None, None])[1] if text else None


def _date(header: Any, envelope: str) -> str | None:
    for written in (header, re.sub(r"^From \S+\s+", "", envelope)):
        try:
            moment = parsedate_to_datetime(str(written)) if written else None
        except (ValueError, TypeError, OverflowError):
            moment = None
        if moment is not None:
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()
    return None
