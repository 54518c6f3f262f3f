"""How a segment's names meet: ours, and those under which others log it."""

import polars as pl

from audit.segments.model import Definition


def normal(name: pl.Expr) -> pl.Expr:
    """A name without case, and with one space for each run of anything but letters, digits and plus signs."""
    return name.str.to_lowercase().str.replace_all(r"[^\p{L}\p{N}+]+", " ").str.strip_chars()


def known(definitions: tuple[Definition, ...]) -> pl.DataFrame:
    """The names of definitions that exist once: `name` (normal), `definition`; the first to claim a name has it."""
    pairs = [
        (name, one.id)
        for one in definitions
        if one.depth is None
        for name in (one.id, one.title, *one.aliases)
    ]
    frame = pl.DataFrame(pairs, schema={"name": pl.String(), "definition": pl.String()}, orient="row")
    return frame.with_columns(normal(pl.col("name"))).unique("name", keep="first", maintain_order=True)


def of_groups(one: Definition, groups: pl.Series) -> pl.DataFrame:
    """The names of a definition that exists once a group: `name` (normal), `segment_id`, `group`."""
    different = pl.DataFrame({"group": groups.unique(maintain_order=True)})
    leaf = pl.col("group").str.split(" > ").list.last()
    texts = (one.title, *one.aliases)
    named = [different.select(_fill(text, leaf).alias("name"), "group") for text in texts]
    segment_id = pl.concat_str(pl.lit(f"{one.id}:"), "group").alias("segment_id")
    return pl.concat(named).select(normal(pl.col("name")), segment_id, "group")


def _fill(text: str, leaf: pl.Expr) -> pl.Expr:
    return (
        pl.lit(text)
        .str.replace("{group}", pl.col("group"), literal=True)
        .str.replace("{leaf}", leaf, literal=True)
    )
