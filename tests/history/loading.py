"""A clean sample province straight into the tables of `raw`: what is tested here is what comes behind them.

The files are those of `sample.generate(dirt=0, csv_only=True)`, whose cells hold exactly what the contracts describe, so one
SELECT per source and month takes them in. Reading, cleaning and the gates are tested elsewhere and take far longer.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from warehouse.contract import Column, extract_contract
from warehouse.engine.duckdb import Session, literal, quote
from warehouse.intake import raw_columns
from warehouse.model import load_models, run_model

# columns that no model of a person's history reads
_SKIPPED = (
    "nationality_code", "gatqw_code", "health_code", "political_code", "entry_mode_code", "left_behind_code", "id_type_code",
    "travel_mode_code", "student_source_code", "birth_county_code", "poverty_cause_code", "household_relation_code",
    "labour_skill_code", "work_state_code", "poverty_health_code", "enrol_type_code", "coop_type_code", "origin_kind_code",
    "school_kind_code", "home_county_code", "length_years_code", "mandarin_level_code", "kindergarten_type_code",
)  # fmt: skip
MONTHLY = (
    "school_directory",
    "student_registry",
    "student_change",
    "vocational_registry",
    "preschool_registry",
)
OTHERS = ("poverty_register", "aid_record", "disability_roster", "two_later_survey", "graduate_register")


def months(first: str, last: str) -> list[str]:
    """All months from first to last, both included."""
    low, high = (int(m[:4]) * 12 + int(m[5:]) - 1 for m in (first, last))
    return [f"{i // 12}-{i % 12 + 1:02d}" for i in range(low, high + 1)]


def _texts(session: Session, column: Column) -> str:
    """SQL map from the words of a code list to its codes."""
    name = "grade" if column.kind == "grade" else str(column.properties.get("codeList"))
    pairs = session.rows(
        "SELECT DISTINCT unnest([code, name_zh] || string_split(coalesce(aliases, ''), '|')) AS t, code FROM ref.code_list "
        "WHERE list_id = ? ORDER BY 1, 2",
        [name],
    )
    listed = dict(reversed([(t, c) for t, c in pairs if t]))
    return "MAP {" + ", ".join(f"{literal(t)}: {literal(c)}" for t, c in listed.items()) + "}"


def _value(session: Session, column: Column, counties: str) -> str:
    text = f"nullif({quote(column.header)}, '')"
    match column.kind:
        case "date":
            return f"CAST(try_strptime({text}, '%Y%m%d') AS DATE)"
        case "month":
            return f"CASE WHEN length({text}) = 6 THEN left({text}, 4) || '-' || right({text}, 2) ELSE {text} END"
        case "flag":
            return f"CASE {text} WHEN '是' THEN true WHEN '否' THEN false END"
        case "integer" | "decimal":
            return f"TRY_CAST({text} AS {column.type})"
        case "county":
            return f"coalesce({counties}[{text}], {text})"
        case "code" | "grade" if "codeList" in column.properties or column.kind == "grade":
            return f"{_texts(session, column)}[{text}]"
    return text


def _token(column: Column) -> str:
    value = f"nullif({quote(column.header)}, '')"
    if column.kind == "citizen_id":
        value = f"left({value}, 18)"
    return f"CAST(md5({literal(column.properties['namespace'])} || ':' || {value}) AS UUID)"


def take_in(session: Session, landing: Path, source: str, period: str) -> int:
    """All files of a source and month, every row accepted; returns the rows."""
    folder = landing / source / period
    files = sorted(folder.glob("*.csv"))
    if not files:
        return 0
    contract = extract_contract(source)
    counties = "MAP {" + ", ".join(
        f"{literal(n)}: {literal(c)}"
        for n, c in session.rows("SELECT name_zh, max(county_code) FROM ref.county WHERE valid_to IS NULL GROUP BY 1")
    ) + "}"  # fmt: skip
    plain = session.folder / "plain"
    plain.mkdir(exist_ok=True)
    total = 0
    for file in files:
        envelope = json.loads(file.with_name(file.name + ".envelope.json").read_text(encoding="utf-8"))
        delivery = f"{source}-{envelope['owner']}-{period}"
        text = file.read_bytes().decode("gb18030")
        (plain / f"{delivery}.csv").write_text(text, encoding="utf-8", newline="")
        session.execute(
            "INSERT INTO ops.delivery__version (delivery_id, source, owner, period, part, version, file_name, sha256, n_bytes, "
            "n_accepted, as_of, received_on, status) VALUES (?, ?, ?, ?, '', 1, 'f', ?, 1, 1, ?, ?, 'accepted')",
            [
                delivery,
                source,
                envelope["owner"],
                period,
                delivery,
                envelope["as_of"],
                envelope["received_on"],
            ],
        )
    pattern = literal(str(plain / f"{source}-*-{period}.csv"))
    read = f"read_csv({pattern}, all_varchar = true, header = true, union_by_name = true, filename = 'file', quote = '\"')"
    session.execute(
        f"CREATE OR REPLACE TEMP TABLE plain AS SELECT *, row_number() OVER (PARTITION BY file) AS n FROM {read}"
    )
    present = {r[0] for r in session.rows("DESCRIBE plain")}
    by_name = {c.token if c.zone == "token" else c.name: c for c in contract.columns}
    made = []
    for name, type_, _ in raw_columns(contract):
        column = by_name[name]
        if column.header not in present or column.name in _SKIPPED:
            made.append(f"CAST(NULL AS {type_})")
        else:
            made.append(_token(column) if column.zone == "token" else _value(session, column, counties))
    names = ", ".join(quote(n) for n, _, _ in raw_columns(contract))
    stem = "parse_filename(file, true)"
    session.execute(
        f"INSERT INTO {contract.table} (delivery_id, row_no, owner, {names}) "
        f"SELECT {stem}, n, split_part({stem}, '-', 2), {', '.join(made)} FROM plain ORDER BY 1, 2",
        what=source,
    )
    total += session.value("SELECT count(*) FROM plain")
    for file in plain.iterdir():
        file.unlink()
    return total


def build(session: Session, period: str, wanted: Sequence[str] = ()) -> dict[str, float]:
    """The models of a month (all of processing and use, or the wanted ones and what they read); seconds by table."""
    models = load_models()
    chosen = {t for t, m in models.items() if m.stage in ("processing", "use")}
    if wanted:
        chosen, waiting = set(), list(wanted)
        while waiting:
            table = waiting.pop()
            if table in models and table not in chosen:
                chosen.add(table)
                waiting += models[table].inputs
    return {
        t: run_model(session, m, period, reference="test", code_version="test").seconds
        for t, m in models.items()
        if t in chosen
    }
