"""How a segment's names meet: ours, and those under which others log it."""

from collections.abc import Mapping
from string import Formatter

import polars as pl

from audit.segments.model import Definition


def normal(name: pl.Expr) -> pl.Expr:
    """A name without case, and with one space for each run of anything but letters, digits and plus signs."""
    return name.str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}+]+", " ").str.strip_chars()


def names_of(definitions: tuple[Definition, ...]) -> pl.DataFrame:
    """The names of definitions that exist once: `name` (normal), `definition`; the first to claim a name has it."""
    pairs = [
        (name, definition.id)
        for definition in definitions
        if not definition.grouped
        for name in (definition.id, definition.title, *definition.aliases)
    ]
    frame = pl.DataFrame(pairs, schema={"name": pl.String(), "definition": pl.String()}, orient="row")
    return frame.with_columns(normal(pl.col("name"))).unique("name", keep="first", maintain_order=True)


def names_of_groups(definition: Definition, groups: pl.Series) -> pl.DataFrame:
    """The names of a definition that exists once a group: `name` (normal), `segment_id`, `group`."""
    different = pl.DataFrame({"group": groups.unique(maintain_order=True)})
    fields = {"group": pl.col("group"), "leaf": pl.col("group").str.split(" > ").list.last()}
    names = [
        different.select(filled(template, fields).alias("name"), "group")
        for template in (definition.title, *definition.aliases)
    ]
    segment_id = pl.concat_str(pl.lit(f"{definition.id}:"), "group").alias("segment_id")
    return pl.concat(names).select(normal(pl.col("name")), segment_id, "group")


def filled(template: str, fields: Mapping[str, pl.Expr]) -> pl.Expr:
    """A template with its `{fields}` put in; what is unknown reads as a question mark."""
    parts: list[pl.Expr] = []
    for text, name, _, _ in Formatter().parse(template):
        parts.append(pl.lit(text))
        if name is not None:
            parts.append(fields[name].fill_null("?"))
    return pl.concat_str(parts)
