"""The linkage in a process of its own: the only place where names and ids of many sources lie side by side in clear.

Started by step.py with a private folder. Reads `job.json` (no secrets), the exported rows and the vault; the keys come through
standard input. Writes Parquet of tokens, keys and numbers only, which the warehouse then reads (decision 0005): `row`, `link`,
`review`, and the new profiles, encrypted, into the vault. Says one line of JSON; never a value.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from warehouse import vault
from warehouse.config import Settings
from warehouse.engine.duckdb import SQL, Session, configure, literal
from warehouse.errors import EduError, redact
from warehouse.people import match, normalise
from warehouse.people.sources import SOURCES
from warehouse.pseudonym import install as install_tokens

PROFILE_COLUMNS = [
    "source", "numbers", "id_norm", "id_status", "name", "name_key", "pinyin", "own_birth", "sex", "ethnic", "county",
    "guardians", "guardian_ids", "first_key",
]  # fmt: skip
_IDENTITY = pa.schema(
    [
        ("delivery_id", pa.string()), ("row_no", pa.int64()), ("name", pa.string()), ("id_no", pa.string()),
        ("guardians", pa.list_(pa.string())), ("guardian_ids", pa.list_(pa.string())),
    ]
)  # fmt: skip


def run(job: dict[str, Any], keys: dict[str, bytes], settings: Settings, folder: Path) -> dict[str, int]:
    """One linkage; returns counts."""
    con = duckdb.connect()
    try:
        configure(con, settings, folder)
        session = Session(con, folder)
        install_tokens(session, keys["token"])
        normalise.install(session)
        _read_identities(session, job, keys["vault"])
        normalise.old_profiles(session)
        _read_profiles(session, job, keys["vault"])
        for name in ("incoming", "known", "decision"):
            session.execute(
                f"CREATE TEMP TABLE {name} AS FROM read_parquet({literal(str(folder / f'{name}.parquet'))})"
            )
        normalise.profiles(session)
        match.match(session, model=Path(job["model"]) if job["model"] else None)
        session.execute(f"SET VARIABLE period = {literal(job['period'])}")
        session.script(SQL / "processing" / "people" / "links.sql")
        for name, order in (
            ("row", "delivery_id, row_no"),
            ("link", "n"),
            ("review", "left_profile, right_profile"),
        ):
            target = literal(str(folder / f"{name}.parquet"))
            session.execute(f"COPY (SELECT * FROM {name}_out ORDER BY {order}) TO {target} (FORMAT parquet)")
        _write_profiles(session, job, keys["vault"])
        counted = session.rows(
            "SELECT (SELECT count(*) FROM row_out), (SELECT count(*) FROM link_out), "
            "(SELECT count(*) FROM link_out WHERE tier = 'N'), (SELECT count(*) FROM review_out)"
        )[0]
        return dict(zip(("rows", "profiles", "persons", "reviews"), counted, strict=True))
    finally:
        con.close()


def _read_identities(session: Session, job: dict[str, Any], key: bytes) -> None:
    session.execute(
        "CREATE TEMP TABLE identity (delivery_id VARCHAR, row_no BIGINT, name VARCHAR, id_no VARCHAR, "
        "guardians VARCHAR[], guardian_ids VARCHAR[])"
    )
    for source, files in job["vault_files"].items():
        spec = SOURCES[source]
        wanted = [*vault.ROW_KEY, "name", "id_no", *spec.guardians, *spec.guardian_ids]
        for start in range(0, len(files), 100):  # a province of small files is read in few statements
            table = pa.concat_tables(
                vault.read(Path(f), key, columns=wanted) for f in files[start : start + 100]
            )
            session.con.register("vault_in", table)
            lists = [
                f"list_filter([{', '.join(c) or 'NULL'}]::VARCHAR[], x -> x IS NOT NULL)"
                for c in (spec.guardians, spec.guardian_ids)
            ]
            session.execute(
                f"INSERT INTO identity SELECT delivery_id, row_no, name, left(id_no, 18), {lists[0]}, {lists[1]} FROM vault_in",
                what="vault",
            )
            session.con.unregister("vault_in")


def _read_profiles(session: Session, job: dict[str, Any], key: bytes) -> None:
    """Profiles of earlier loads with their clear values."""
    for file in sorted(Path(job["profiles"]).glob("*.parquet")):
        session.con.register("vault_in", vault.read(file, key))
        columns = ", ".join(PROFILE_COLUMNS)
        session.execute(
            f"INSERT INTO old_profile SELECT delivery_id::UUID, {columns.replace('numbers', 'numbers::UUID[]')} FROM vault_in",
            what="profiles",
        )
        session.con.unregister("vault_in")


def _write_profiles(session: Session, job: dict[str, Any], key: bytes) -> None:
    """The new profiles into the vault; the row key columns of the vault hold the profile and its number in the file."""
    columns = ", ".join(PROFILE_COLUMNS).replace("numbers", "numbers::VARCHAR[] AS numbers")
    session.execute(
        f"""CREATE TEMP TABLE new_profile AS
            SELECT profile::VARCHAR AS delivery_id, row_number() OVER (ORDER BY n) AS row_no, {columns} FROM profile WHERE is_new"""
    )
    target = Path(job["profiles"]) / job["profile_file"]
    if session.value("SELECT count(*) FROM new_profile"):
        vault.write_rows(session, "new_profile", PROFILE_COLUMNS, key, target)


def main() -> None:
    """Entry point: `python -m warehouse.people.worker FOLDER`, keys as JSON on standard input."""
    folder = Path(sys.argv[1])
    try:
        secrets = {name: bytes.fromhex(value) for name, value in json.loads(sys.stdin.read()).items()}
        job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
        settings = Settings(Path(job["root"]), job["settings"], {})
        answer: dict[str, Any] = {"counts": run(job, secrets, settings, folder)}
    except EduError as error:
        answer = {"error": error.message, "remedy": error.remedy}
    except Exception as error:
        # A foreign error may quote data: only its kind and a redacted line leave this process.
        answer = {"error": f"{type(error).__name__}: {redact(str(error))}", "remedy": "run `edu doctor`"}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
