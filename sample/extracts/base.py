"""What an extract is and how one month of it is produced: rows, dirt, row numbers, ledger, files, envelopes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path

from sample.data import counties
from sample.dirt import Kind, assign
from sample.draws import Draws, quote
from sample.world import World
from sample.writers import Layout, Target, fetch, write_envelope, write_lines, write_workbook

BATCH = 60_000  # rows whose text is built at once


@dataclass(frozen=True)
class Column:
    """One column: header, SQL of its text, whether the text may need quoting, header variants of other counties."""

    header: str
    sql: str
    quoted: bool = False
    variants: tuple[str, ...] = ()


@dataclass(frozen=True)
class Context:
    """One month of one generation."""

    world: World
    out: Path
    period: str
    mi: int
    dirt: float
    csv_only: bool

    @property
    def draws(self) -> Draws:
        """The draws of the world."""
        return self.world.draws

    @property
    def as_of(self) -> str:
        """SQL date of the snapshot."""
        return f"DATE '{self.period}-05'"


@dataclass(frozen=True)
class Extract:
    """One source: how its rows come about and how they look.

    `base` gives the SELECT of narrow rows: rid (positive, unique), owner, person_id, what `sort` and the kinds need.
    `joins` adds what the texts need; `prepare` makes helper tables first.
    """

    source: str
    columns: tuple[Column, ...]
    base: Callable[[Context], str]
    joins: str
    sort: str
    kinds: tuple[Kind, ...] = ()
    prepare: Callable[[Context], None] | None = None
    finish: Callable[[Context], None] | None = None  # after the ledger of this source is written
    arrive: Callable[[Context, dict[str, Target]], None] | None = None  # dirt of deliveries as a whole
    layouts: Callable[[Context, Extract, str, int], Layout] | None = None
    numbers: str | None = None  # column written as number in workbooks
    extra: dict[str, str] = field(default_factory=dict)

    def index(self, header: str) -> int:
        """Position of a column."""
        return next(i for i, c in enumerate(self.columns) if c.header == header)


@dataclass
class Produced:
    """What one month of one source became."""

    n_rows: int
    n_files: int


def plain_layout(extract: Extract) -> Layout:
    """All columns in the order of the catalogue, csv in GB18030."""
    return Layout(tuple(range(len(extract.columns))), tuple(c.header for c in extract.columns))


def titled_workbook(title: str) -> Callable[[Context, Extract, str, int], Layout]:
    """Layouts of a statistical table: a workbook with two title rows (dirt D13); plain csv where no dirt is wanted."""

    def layout(context: Context, extract: Extract, owner: str, n: int) -> Layout:
        del owner, n
        plain = plain_layout(extract)
        if context.csv_only or context.dirt <= 0:
            return plain
        notes = (("D13", "two title rows above the header"),)
        return replace(plain, container="xlsx", titles=(title, "单位：人"), notes=notes)

    return layout


def shuffled(draws: Draws, n: int, variant: int) -> tuple[int, ...]:
    """A fixed permutation of n columns for a variant number."""
    import random

    order = list(range(n))
    random.Random(draws.seed * 31 + variant).shuffle(order)  # noqa: S311 - synthetic data
    return tuple(order)


def with_order(layout: Layout, order: Sequence[int]) -> Layout:
    """The same layout in another order of columns."""
    headers = dict(zip(layout.order, layout.headers, strict=True))
    return replace(layout, order=tuple(order), headers=tuple(headers[i] for i in order))


def with_variants(layout: Layout, extract: Extract) -> Layout:
    """The same layout with the first header variant of every column that has one (dirt D14)."""
    headers = tuple(
        extract.columns[i].variants[0] if extract.columns[i].variants else h
        for i, h in zip(layout.order, layout.headers, strict=True)
    )
    note = ("D14", "header variants: " + ", ".join(sorted(set(headers) - set(layout.headers))[:6]))
    return replace(layout, headers=headers, notes=(*layout.notes, note))


def produce(context: Context, extract: Extract) -> Produced:
    """Write all files of a source for a month and add to the truth tables `t_row` and `t_defect`."""
    con = context.world.con
    tag = f"{extract.source}-{context.period}"
    if extract.prepare:
        extract.prepare(context)
    con.execute(f"CREATE OR REPLACE TEMP TABLE base AS {extract.base(context)}")
    kinds = extract.kinds if context.dirt > 0 else ()
    if context.csv_only:  # every file is plain RFC 4180, whatever stands in its cells
        kinds = tuple(k for k in kinds if not k.unquoted)
    assign(con, context.draws, kinds, tag=tag, dirt=context.dirt)
    con.execute(f"""
    CREATE OR REPLACE TEMP TABLE spot AS
    SELECT b.*, k.kind, row_number() OVER (PARTITION BY b.owner ORDER BY {extract.sort}, abs(b.rid), b.rid)::INTEGER
      AS row_no
    FROM base b LEFT JOIN pick k ON k.rid = b.rid ORDER BY b.owner, row_no""")
    targets = _targets(context, extract)
    _write(context, extract, kinds, targets)
    for owner, target in targets.items():
        write_envelope(target, extract.source, owner, context.period, _owner_no(owner))
    done = _ledger(context, extract, kinds, targets)
    if extract.arrive and kinds and not context.csv_only:
        extract.arrive(context, targets)
    if extract.finish:
        extract.finish(context)
    return done


def _owner_no(owner: str) -> int:
    return int("".join(c for c in owner if c.isdigit()) or 0)


def _targets(context: Context, extract: Extract) -> dict[str, Target]:
    owners = dict(
        context.world.con.execute("SELECT owner, count(*) FROM spot GROUP BY 1 ORDER BY 1").fetchall()
    )
    for owner in extra_owners(extract):
        owners.setdefault(owner, 0)
    folder = context.out / "landing" / extract.source / context.period
    found = {}
    for owner, n in sorted(owners.items()):
        layout = plain_layout(extract)
        if extract.layouts:
            layout = extract.layouts(context, extract, owner, n)
        found[owner] = Target(folder / f"{extract.source}_{owner}_{context.period}{layout.suffix}", layout)
    return found


def extra_owners(extract: Extract) -> list[str]:
    """Owners that deliver even if they have no rows: every county for county sources."""
    return [c.code for c in counties()] if extract.extra.get("owners") == "county" else []


def cell_sql(extract: Extract, index: int, kinds: Sequence[Kind]) -> str:
    """SQL of the text of a column, with the damage of the kinds that touch it."""
    column = extract.columns[index]
    arms = []
    for number, kind in enumerate(kinds):
        if column.header in kind.sets:
            arms.append(
                f"WHEN {number} THEN ({kind.sets[column.header].replace('{v}', f'({column.sql})')})::VARCHAR"
            )
    if not arms:
        return f"({column.sql})"
    return f"(CASE b.kind {' '.join(arms)} ELSE ({column.sql})::VARCHAR END)"


def _write(context: Context, extract: Extract, kinds: Sequence[Kind], targets: dict[str, Target]) -> None:
    con = context.world.con
    sizes = dict(con.execute("SELECT owner, count(*) FROM spot GROUP BY 1").fetchall())
    touched = {h for k in kinds for h in k.sets}
    cells = [cell_sql(extract, i, kinds) for i in range(len(extract.columns))]

    def shape(owner: str) -> tuple[object, ...]:
        layout = targets[owner].layout
        return (layout.container, layout.order)

    for (container, _), same in groupby(sorted(targets, key=lambda o: (shape(o), o)), key=shape):
        for batch in _batches(list(same), sizes):
            layout = targets[batch[0]].layout
            if container == "xlsx":
                select = ", ".join(cells[i] for i in layout.order)
            else:
                parts = []
                for i in layout.order:
                    column = extract.columns[i]
                    quoted = column.quoted or column.header in touched
                    parts.append(_quoted(cells[i], column.header, kinds) if quoted else cells[i])
                separator = "chr(9)" if container == "tsv" else "','"
                select = f"concat({f', {separator}, '.join(parts)})"
            owners = ", ".join(quote(o) for o in batch)
            cursor = con.execute(f"""
            SELECT b.owner, {select} FROM spot b {extract.joins}
            WHERE b.owner IN ({owners}) ORDER BY b.owner, b.row_no""")
            rows = fetch(cursor)
            done = set()
            for owner, group in groupby(rows, key=lambda r: str(r[0])):
                done.add(owner)
                _one_file(extract, targets[owner], group)
            for owner in batch:
                if owner not in done:
                    _one_file(extract, targets[owner], iter(()))


def _quoted(cell: str, header: str, kinds: Sequence[Kind]) -> str:
    """SQL of a cell as it stands in a line: quoted where it must be, but not by the kinds that forget it."""
    bare = [str(n) for n, kind in enumerate(kinds) if kind.unquoted and header in kind.sets]
    return f"CASE WHEN b.kind IN ({', '.join(bare)}) THEN {cell} ELSE q({cell}) END" if bare else f"q({cell})"


def _one_file(extract: Extract, target: Target, group: Iterator[tuple[str | None, ...]]) -> None:
    if target.layout.container == "xlsx":
        write_workbook(target, (row[1:] for row in group), number_column=extract.numbers)
    else:
        write_lines(target, (row[1] or "" for row in group))


def _batches(owners: list[str], sizes: dict[str, int]) -> Iterator[list[str]]:
    batch: list[str] = []
    total = 0
    for owner in owners:
        if batch and total + sizes.get(owner, 0) > BATCH:
            yield batch
            batch, total = [], 0
        batch.append(owner)
        total += sizes.get(owner, 0)
    if batch:
        yield batch


def _ledger(
    context: Context, extract: Extract, kinds: Sequence[Kind], targets: dict[str, Target]
) -> Produced:
    con = context.world.con
    con.execute("CREATE OR REPLACE TEMP TABLE file_of (owner VARCHAR, file VARCHAR)")
    con.executemany("INSERT INTO file_of VALUES (?, ?)", [[o, t.path.name] for o, t in targets.items()])
    key = f"{quote(extract.source)}, {quote(context.period)}"
    con.execute(f"""
    INSERT INTO t_row SELECT {key}, b.owner, f.file, b.row_no, b.person_id
    FROM spot b JOIN file_of f ON f.owner = b.owner WHERE b.person_id IS NOT NULL ORDER BY b.owner, b.row_no""")
    for number, kind in enumerate(kinds):
        side = "" if kind.twin is None or kind.both else "AND b.rid < 0"
        values = ", ".join(
            quote(v) for v in (kind.column, kind.rules, kind.may, kind.severity, kind.description)
        )
        con.execute(f"""
        INSERT INTO t_defect
        SELECT {quote(kind.key)}, {quote(kind.dirt)}, {key}, b.owner, f.file, b.row_no, {values}, b.person_id, NULL, NULL
        FROM spot b JOIN file_of f ON f.owner = b.owner WHERE b.kind = {number} {side} ORDER BY b.owner, b.row_no
        """)
    for owner, target in targets.items():
        for dirt, text in target.layout.notes:
            con.execute(
                "INSERT INTO t_defect VALUES (?, ?, ?, ?, ?, ?, NULL, '', '', '', 'repair', ?, NULL, NULL, NULL)",
                [f"file-{dirt}", dirt, extract.source, context.period, owner, target.path.name, text],
            )
    return Produced(sum(t.n_rows for t in targets.values()), len(targets))
