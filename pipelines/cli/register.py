"""`edu register`: the registers that the house keeps: assessments, drills, contractors, trainings, incidents, lists."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli.desk import by_option
from pipelines.cli.shell import emit, json_option, say, with_settings
from warehouse.config import Settings
from warehouse.errors import UsageError

if TYPE_CHECKING:
    from warehouse.engine.duckdb import Session
    from warehouse.registers.entries import Entry


@contextmanager
def _records(settings: Settings) -> Iterator[Session]:
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse

    with open_warehouse(settings) as session:
        prepare(session)
        yield session


def _typed(words: tuple[str, ...]) -> dict[str, str]:
    """FIELD=VALUE words; UsageError for a word without `=`."""
    found = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign:
            raise UsageError(
                "栏目写作 栏目=值 / a field is given as FIELD=VALUE", "`edu register list REGISTER`"
            )
        found[name] = value
    return found


def _line(entry: Entry) -> str:
    words = "  ".join(f"{k}={v}" for k, v in entry.fields.items()) or "无 nothing to record"
    return f"  {entry.record_id:22} v{entry.version}  {entry.recorded_at:%Y-%m-%d}  {entry.recorded_by:16} {words}"


def _document(entry: Entry) -> dict[str, Any]:
    return {**vars(entry), "recorded_at": entry.recorded_at.isoformat(timespec="seconds")}


@click.group(
    "register", short_help="Registers that the rules need: assessments, drills, trainings, incidents …"
)
def register_group() -> None:
    """登记册 / Registers that the house keeps; rules judge them. Entries are only added, corrections are new versions.

    Example: edu register add restore_drill scope=warehouse backup_on=2026-11-01 drilled_on=2026-11-02 result=passed --by u-63-op
    """


@register_group.command("list", short_help="The registers, or the fields of one")
@click.argument("register", required=False)
@json_option
@with_settings
def list_(settings: Settings, register: str | None, as_json: bool) -> None:
    """登记册目录 / The registers with the rules they serve, or the fields of REGISTER."""
    from warehouse.registers.declared import register as declared
    from warehouse.registers.declared import registers

    if register:
        one = declared(register)
        say(f"{one.id}  {one.name_zh} / {one.name_en}  ({', '.join(one.rules)}; {one.clause})")
        for f in one.fields:
            mark = "必填" if f.is_required else "可空"
            say(f"  {f.name:18} {f.type:9} {mark}  {f.name_zh} / {f.name_en}  {' | '.join(f.choices)}")
        say(f"  → {one.example()}")
        emit(as_json, {"register": one.id, "fields": [vars(f) for f in one.fields]})
        return
    for one in registers().values():
        term = f"{one.term_days} d" if one.term_days else "—"
        say(f"  {one.id:20} {term:7} {', '.join(one.rules):12} {one.name_zh} / {one.name_en}")
    emit(as_json, {"registers": [r.id for r in registers().values()]})


@register_group.command("add", short_help="Enter a record")
@click.argument("register")
@click.argument("fields", nargs=-1, required=True, metavar="FIELD=VALUE …")
@by_option
@json_option
@with_settings
def add(settings: Settings, register: str, fields: tuple[str, ...], account: str, as_json: bool) -> None:
    """登记 / Enter a record. Numbers of documents and account ids only, never a name or number of a person.

    Example: edu register add training unit=6328 trained_on=2026-03-01 topic=个人信息保护 n_persons=12 --by u-6328-01
    """
    from warehouse.registers import entries
    from warehouse.workflow.accounts import authenticate

    who = authenticate(settings, account)
    with _records(settings) as session:
        made = entries.add(session, register, [_typed(fields)], who.account)[0]
    say(f"✓ {made.record_id}")
    emit(as_json, _document(made))


@register_group.command("nil", short_help="State that there is nothing to record")
@click.argument("register")
@by_option
@with_settings
def nil(settings: Settings, register: str, account: str) -> None:
    """零报告 / State that there is nothing to record up to today. Example: edu register nil incident --by u-63-op"""
    from warehouse.registers import entries
    from warehouse.workflow.accounts import authenticate

    who = authenticate(settings, account)
    with _records(settings) as session:
        made = entries.nil(session, register, who.account)
    say(f"✓ {made.record_id}")


@register_group.command("correct", short_help="Correct or withdraw a record; the old version stays")
@click.argument("record")
@click.argument("fields", nargs=-1, metavar="[FIELD=VALUE …]")
@click.option("--reason", required=True)
@click.option("--void", is_flag=True, help="It was entered by mistake.")
@by_option
@with_settings
def correct(
    settings: Settings, record: str, fields: tuple[str, ...], reason: str, void: bool, account: str
) -> None:
    """更正 / A new version of RECORD; FIELD= takes a value away.

    Example: edu register correct public_list-2 taken_down_on=2026-03-09 --reason 公示期满 --by u-63-op
    """
    from warehouse.registers import entries
    from warehouse.workflow.accounts import authenticate

    who = authenticate(settings, account)
    with _records(settings) as session:
        made = entries.correct(session, record, _typed(fields), who.account, reason, is_void=void)
    say(f"✓ {made.entry_id}" + ("  作废 void" if void else ""))


@register_group.command("show", short_help="Records of a register, or all versions of a record")
@click.argument("what")
@click.option("--all", "everything", is_flag=True, help="Also corrected and withdrawn versions.")
@json_option
@with_settings
def show(settings: Settings, what: str, everything: bool, as_json: bool) -> None:
    """查看 / WHAT is a register or a record. Example: edu register show restore_drill"""
    from warehouse.registers import entries
    from warehouse.registers.declared import registers

    with _records(settings) as session:
        found = (
            entries.listed(session, what, everything=everything)
            if what in registers()
            else entries.history(session, what)
        )
    for entry in found:
        say(_line(entry) + (f"  ({entry.kind}: {entry.reason})" if entry.reason else ""))
    emit(as_json, {"entries": [_document(e) for e in found]})


@register_group.command("due", short_help="What is missing or out of date, with the command that mends it")
@json_option
@with_settings
def due(settings: Settings, as_json: bool) -> None:
    """待办 / What must have a record and has none within its term. Example: edu register due"""
    from warehouse.intake.origin import is_sample_house
    from warehouse.registers.facts import duties
    from warehouse.workflow.account_facts import units_in_use

    with _records(settings) as session:
        found = duties(session, units_in_use(settings), date.today(), is_sample=is_sample_house(settings))
    found = [d for d in found if not d.is_met]
    for d in found:
        how = (
            f"edu register nil {d.register.id} --by ACCOUNT"
            if d.register.is_nil_allowed
            else d.register.example(d.subject)
        )
        say(
            f"  {', '.join(d.register.rules):12} {d.register.name_zh} {d.subject}  上次 last: {d.last_on or '—'}\n    → {how}"
        )
    say(f"{len(found)} 项待办 due")
    emit(
        as_json,
        {"due": [{"register": d.register.id, "subject": d.subject, "last_on": d.last_on} for d in found]},
    )


@register_group.command("export", short_help="A register with all its versions as csv")
@click.argument("register")
@click.option("--out", type=click.Path(path_type=Path), required=True)
@with_settings
def export(settings: Settings, register: str, out: Path) -> None:
    """导出 / All versions of the records of REGISTER as csv, for an auditor. Example: edu register export incident --out incident.csv"""
    from warehouse.registers import entries
    from warehouse.registers.declared import register as declared
    from warehouse.text_safety import CsvWriter

    one = declared(register)
    with _records(settings) as session:
        found = entries.listed(session, register, everything=True)
    with out.open("w", encoding="utf-8-sig", newline="") as handle:
        writer = CsvWriter(handle)
        names = [f.name for f in one.fields]
        writer.row(["record", "version", "kind", *names, "reason", "recorded_by", "recorded_at"])
        for e in found:
            values = [e.fields.get(n) for n in names]
            writer.row(
                [e.record_id, e.version, e.kind, *values, e.reason, e.recorded_by, e.recorded_at.isoformat()]
            )
    say(f"✓ {len(found)} 条 entries: {out}")
