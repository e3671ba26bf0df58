"""What `edu doctor` looks at. It repairs only what is safe to repair: folders of dead processes."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version

from warehouse.config import Settings
from warehouse.errors import EduError


@dataclass
class Finding:
    """One thing looked at."""

    what: str
    ok: bool = True
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Machine, settings, keys, warehouse, ledger, releases: each with what to do when it is not well."""
    found = [*_machine(settings), *_settings(settings), _keys(settings), _left_behind(settings), _holidays()]
    if settings.warehouse_file.exists():
        found += _warehouse(settings)
    else:
        found.append(Finding("warehouse: none yet (`edu demo`, or files in landing and `edu load PERIOD`)"))
    found.append(_current(settings))
    return found


def _machine(settings: Settings) -> list[Finding]:
    settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    free = shutil.disk_usage(settings.data).free / 1e9
    packages = " ".join(
        f"{p} {version(p)}" for p in ("duckdb", "dagster", "great-expectations", "pandas", "pyarrow")
    )
    return [
        Finding(f"python {sys.version.split()[0]}", sys.version_info >= (3, 11), "use Python 3.11 or newer"),
        Finding(packages),
        Finding(
            f"free disk {free:.0f} GB at {settings.data}",
            free > 5,
            "free at least 5 GB; a province month needs about 10 GB",
        ),
    ]


def _settings(settings: Settings) -> list[Finding]:
    changed = [
        f"{k} = {settings.get(*k.split('.', 1))} ({o})" for k, o in settings.origin.items() if o != "default"
    ]
    return [Finding("settings: " + ("; ".join(changed) or "all default"))]


def _keys(settings: Settings) -> Finding:
    from warehouse.keys import load_keys

    if not settings.key_file.exists():
        if settings.archive.exists():
            return Finding(
                "keys: missing, but data encrypted with them exist",
                False,
                "restore the key file from its backup",
            )
        return Finding("keys: none yet, made by the first load")
    try:
        load_keys(settings.key_file)
    except EduError as error:
        return Finding(f"keys: {error.message}", False, error.remedy)
    inside = settings.data in settings.key_file.parents
    note = " (inside the data folder: move it to another volume in production)" if inside else ""
    return Finding(f"keys: readable by the owner only{note}")


def _left_behind(settings: Settings) -> Finding:
    from warehouse.engine.work import sweep

    removed = sweep(settings.work)
    return Finding(
        f"work folder: {removed} folders of dead processes removed"
        if removed
        else "work folder: nothing left behind"
    )


def _holidays() -> Finding:
    from warehouse.workdays import has_holidays

    year = date.today().year
    if has_holidays(year):
        return Finding(f"working days: holidays of {year} are entered")
    return Finding(
        f"working days: no holidays of {year} in reference/working_day.csv, so deadlines count Monday to Friday"
        " (the data centre enters them)"
    )


def _warehouse(settings: Settings) -> list[Finding]:
    from warehouse.engine.duckdb import open_reader
    from warehouse.ledger import broken_links

    try:
        with open_reader(settings) as session:
            broken = broken_links(session)
            n = session.value("SELECT count(*) FROM ops.ledger__event")
            size = settings.warehouse_file.stat().st_size / 1e6
    except EduError as error:
        return [Finding(f"warehouse: {error.message}", False, error.remedy)]
    return [
        *_registers(settings),
        Finding(f"warehouse: opens, {size:.0f} MB"),
        Finding(f"ledger: {n} events, chain holds" if not broken else f"ledger: broken at {broken[:5]}", not broken,
                "stop publishing and compare with the backup"),
    ]  # fmt: skip


def _registers(settings: Settings) -> list[Finding]:
    """What must be entered into the registers; only what stops a month makes the house unwell."""
    from expectations.rule import Severity, all_rules
    from warehouse.engine.duckdb import open_reader
    from warehouse.intake.origin import is_sample_house
    from warehouse.registers.facts import duties
    from warehouse.workflow.account_facts import units_in_use

    with open_reader(settings) as session:
        if not session.exists("ops.register__record"):
            return [Finding("registers: made by the first load")]
        found = duties(session, units_in_use(settings), date.today(), is_sample=is_sample_house(settings))
    due = [d for d in found if not d.is_met]
    blocking = {r.id for r in all_rules().values() if r.severity is Severity.BLOCK}
    stops = [d for d in due if blocking & set(d.register.rules) and not d.register.is_nil_allowed]
    if stops:
        what = ", ".join(f"{d.register.id} {d.subject}" for d in stops)
        return [
            Finding(
                f"registers: {len(due)} due; a month does not pass without {what}",
                False,
                "edu register due shows the commands",
            )
        ]
    return [Finding(f"registers: {len(due)} due (`edu register due`)" if due else "registers: nothing due")]


def _current(settings: Settings) -> Finding:
    from warehouse.release import verify_current
    from warehouse.release.pointer import current_id

    if current_id(settings) is None:
        return Finding("releases: nothing published yet")
    report = verify_current(settings)
    return Finding(
        f"release {report.id}: {'verifies' if report.ok else '; '.join(report.problems[:3])}",
        report.ok,
        "edu rollback <id of an older release>",
    )
