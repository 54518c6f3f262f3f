"""The base of every document that is printed as JSON: a frozen struct whose fields are its keys, in their order."""

from typing import Any, dataclass_transform

import msgspec


class _DocumentMeta(msgspec.StructMeta):
    """Makes the fields of every document keywords; `schema` names one that is printed on its own."""

    def __new__(
        mcls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        schema: str | None = None,
        **config: Any,
    ) -> type:
        if schema is not None:
            config |= {"tag_field": "schema", "tag": schema}
        struct: type = super().__new__(mcls, name, bases, namespace, **{"kw_only": True, **config})
        return struct


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
class Document(msgspec.Struct, frozen=True, metaclass=_DocumentMeta):
    """A document, or a part of one; `schema="whysent.customer/1"` makes it one of its own, with that as its first key.

    Times are datetimes in UTC, written as ISO 8601 with `Z`; a field that is `UNSET` is left out.
    """

    def to_json(self) -> dict[str, Any]:
        """The document as plain JSON values, as every command prints it."""
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return plain
