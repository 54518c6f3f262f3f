"""Paths into objects and lists: which values of a row become columns, and what is left over.

    data.customer_id      a key inside an object; a path goes on inside a text that is JSON itself
    mail.destination[]    each element of a list: one row becomes one event an element
    events[].ts           a key of each element; paths into the same list go through it together
    tags[0]               the first element, or the value itself where it is no list

Of several lists that paths go through, a row is taken apart by the first that has elements in it; or by each of them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import polars as pl

from audit.ingest import strict_json
from audit.ingest.values import as_text
from audit.privacy.clean import clean

EACH = "[]"
"""What a path says of a list whose elements it goes through."""

FIRST = "[0]"
"""What a path says of the first element of a list."""

_LEVELS = 6
"""House value: objects inside each other whose keys become columns of their own in `flat`."""

Fields = dict[str, Any]


class _Node:
    """A place inside a row: the `path` that ends here, if one does, and where others go on."""

    __slots__ = ("children", "dropped", "each", "ends", "first", "is_plain", "order", "path")

    def __init__(self, path: str, order: int = 0) -> None:
        self.path, self.order = path, order
        self.ends = self.dropped = self.is_plain = False
        self.children: dict[str, _Node] = {}
        self.each: _Node | None = None
        self.first: _Node | None = None

    def settle(self) -> None:
        """Find out where nothing goes on: there a value is a column, and that is all."""
        inner = [*self.children.values(), *(node for node in (self.each, self.first) if node)]
        self.is_plain = self.ends and not (self.dropped or inner)
        for node in inner:
            node.settle()


class Paths:
    """Takes rows apart.

    - `names`: paths whose values become columns of that name;
    - `is_column`: which other keys of a row do;
    - `records`: paths at which the rows themselves may lie, the first that is there; what lies around them is left over;
    - `dropped`: paths of what is neither a column nor left over;
    - `every_list`: whether each list gives events of its own, not only the first that has elements.
    """

    def __init__(
        self,
        names: Iterable[str] = (),
        is_column: Callable[[str], bool] = lambda _: False,
        records: Iterable[str] = (),
        dropped: Iterable[str] = (),
        *,
        every_list: bool = False,
    ) -> None:
        self._every_list = every_list
        self._root = _Node("")
        self._lists = 0
        for name in names:
            node = self._node(name)
            node.ends, node.path = True, name
        self._dropped = frozenset(dropped)
        for name in self._dropped:
            self._node(name).dropped = True
        self._is_column = is_column
        self._columns: dict[str, str | None] = {}
        self._records = [steps(path) for path in records]
        self._root.settle()

    def _node(self, path: str) -> _Node:
        node, so_far = self._root, ""
        for step in steps(path):
            so_far = f"{so_far}{step}" if step in (EACH, FIRST) else f"{so_far}.{step}".lstrip(".")
            if step == EACH:
                self._lists += node.each is None
                node.each = node.each or _Node(so_far, self._lists)
                node = node.each
            elif step == FIRST:
                node.first = node.first or _Node(so_far)
                node = node.first
            else:
                node = node.children.setdefault(step, _Node(so_far))
        # a key of the row may also be written as the path is, dots and all
        return node if EACH in path or FIRST in path else self._root.children.setdefault(path, node)

    def apart(self, row: Fields) -> list[tuple[Fields, Fields]]:
        """The events of one row: values by column, and what is left over."""
        events = []
        for record, around in self._inside(row) if self._records else ((row, {}),):
            if self._lists:
                events += [(values, _with(rest, around)) for values, rest in self._events(self._root, record)]
            else:
                values: Fields = {}
                events.append((values, _with(self._walk(self._root, record, values, []), around)))
        return events

    def _inside(self, row: Fields) -> list[tuple[Fields, Fields]]:
        """The records in a row, each with what lies around it; without any the row itself."""
        for path in self._records:
            if path[0] not in row:
                continue
            records = [record for record in _at(row[path[0]], path[1:]) if isinstance(record, dict)]
            if records:
                around = {key: row[key] for key in row if key != path[0] and key not in self._dropped}
                return [(record, around) for record in records]
        return [(row, {})]

    def _events(self, node: _Node, fields: Fields) -> Iterator[tuple[Fields, Fields]]:
        values: Fields = {}
        lists: list[tuple[_Node, list[Any]]] = []
        rest = self._walk(node, fields, values, lists)
        if not lists:
            yield values, rest
            return
        lists.sort(key=lambda found: found[0].order)
        for each, elements in lists if self._every_list else lists[:1]:
            for element in elements:
                for inner, left in self._of_element(each, element):
                    yield {**values, **inner}, {**rest, each.path: left} if left else rest

    def _of_element(self, each: _Node, element: Any) -> Iterator[tuple[Fields, Any]]:
        values = {each.path: element} if each.ends else {}
        if isinstance(element, dict) and each.children:
            for inner, left in self._events(each, element):
                yield {**values, **inner}, None if each.ends else left
        else:
            yield values, None if each.ends else element

    def _walk(
        self, node: _Node, fields: Fields, values: Fields, lists: list[tuple[_Node, list[Any]]]
    ) -> Fields:
        """Put what paths name into `values` and `lists`; answers what is left."""
        rest: Fields = {}
        children, is_root = node.children, node is self._root
        for key, value in fields.items():
            child = children.get(key)
            if child is None:
                column = self._column(key) if is_root else None
                if column is None:
                    rest[key] = value
                else:
                    values[column] = value
            elif child.is_plain:
                values[child.path] = value
            else:
                left = self._into(child, value, values, lists)
                if left is not None and left != {}:
                    rest[key] = left
        return rest

    def _into(self, node: _Node, value: Any, values: Fields, lists: list[tuple[_Node, list[Any]]]) -> Any:
        if node.ends:
            values[node.path] = value
        if node.dropped:
            return None
        if node.children or node.each or node.first:
            value = _opened(value)
        left = value
        if node.first is not None:
            elements = value if isinstance(value, list) else [value]
            first = [self._into(node.first, element, values, lists) for element in elements[:1]]
            left = first[0] if len(elements) == 1 else value
        if node.children and isinstance(value, dict):
            left = self._walk(node, value, values, lists)
        elif node.each is not None and value not in (None, "", []) and not isinstance(value, dict):
            lists.append((node.each, value if isinstance(value, list) else [value]))
            left = None
        return left if node.children or not node.ends else None

    def _column(self, key: str) -> str | None:
        """The column of a key that no path names; None for what is left over."""
        if key not in self._columns:
            is_column = key != "attributes" and self._is_column(key)
            self._columns[key] = ("row_" if key == "row" else clean(key)) if is_column else None
        return self._columns[key]


def _with(rest: Fields, around: Fields) -> Fields:
    """What is left of a record, and what lies around it, by other names where they are the same."""
    return {**rest, **{f"{key}_" if key in rest else key: around[key] for key in around}} if around else rest


def steps(path: str) -> list[str]:
    """The keys of a path, and `[]` for each list it goes through."""
    return [step for step in path.replace(EACH, f".{EACH}").replace(FIRST, f".{FIRST}").split(".") if step]


def unfold(
    rows: pl.DataFrame, names: Iterable[str], dropped: Iterable[str] = (), *, every_list: bool = False
) -> pl.DataFrame:
    """A table's rows with a column for each path that leads into a column of nested values, or of text that is JSON.

    What no path names stays in that column, as JSON.
    """
    named = list(names)
    inside = [name for name in named if name not in rows.columns and steps(name)[0] in rows.columns]
    if not inside:
        return rows
    heads = list(dict.fromkeys(steps(name)[0] for name in inside))
    paths = Paths(
        [*inside, *(head for head in heads if head in named)], dropped=dropped, every_list=every_list
    )
    places: list[int] = []
    columns: dict[str, list[str | None]] = {name: [] for name in (*heads, *inside)}
    written = [as_text(rows[head]) for head in heads]
    for place, cells in enumerate(zip(*written, strict=True)):
        row = {head: cell for head, cell in zip(heads, cells, strict=True) if cell is not None}
        for values, rest in paths.apart(row):
            places.append(place)
            for name, column in columns.items():
                value = values.get(name, rest.get(name))
                column.append(None if value is None else strict_json.text(value))
    kept = rows[pl.Series(places, dtype=pl.UInt32)] if places else rows.clear()
    return kept.with_columns(pl.Series(name, column, dtype=pl.String) for name, column in columns.items())


def _at(value: Any, path: list[str]) -> Iterator[Any]:
    """What lies at a path, each element of the lists it goes through."""
    opened = _opened(value)
    if not path:
        yield opened
    elif path[0] == EACH:
        for element in opened if isinstance(opened, list) else ():
            yield from _at(element, path[1:])
    elif isinstance(opened, Mapping) and path[0] in opened:
        yield from _at(opened[path[0]], path[1:])


def _opened(value: Any) -> Any:
    """What a text says that is JSON itself."""
    if type(value) is strict_json.Placeholder:
        value.looked_into = True
    if type(value) is not str or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        return strict_json.loads(value)
    except ValueError:
        return value


def flat(row: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """An object as columns by path; of a list its first element."""
    return [(dict(_leaves(row, "", 0)), {})]


def _leaves(value: Any, path: str, level: int) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and level < _LEVELS:
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key), level + 1)
    elif isinstance(value, list) and value and isinstance(value[0], dict) and level < _LEVELS:
        yield from _leaves(value[0], f"{path}[]", level + 1)
    elif isinstance(value, list):
        yield f"{path}[0]", value[0] if value else None
    elif path:
        yield path, value
