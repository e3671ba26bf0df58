"""`edu share`: the catalogue, agreements, requests with their clock, deliveries and corrections."""

from __future__ import annotations

from datetime import date, datetime

import click

from pipelines.cli.shell import emit, json_option, say, with_settings
from warehouse.config import Settings

_BY = click.option("--by", "account", required=True, help="Account id.")
_DAY = click.option("--received", type=click.DateTime(["%Y-%m-%d"]), help="Day of receipt; default: today.")


def _day(given: datetime | None) -> date:
    return given.date() if given else date.today()


@click.group(short_help="Catalogue, agreements, requests, deliveries, corrections")
def share() -> None:
    """共享 / What may be shared with whom, who asked, who got what, and what they doubt."""


@share.command("catalogue", short_help="Every dataset with its share type")
@json_option
@with_settings
def catalogue_(settings: Settings, as_json: bool) -> None:
    """目录 / Datasets that can be shared: share type, basis, tier, fields. Example: edu share catalogue --json"""
    from warehouse.contract import load_contracts
    from warehouse.sharing.catalogue import catalogue

    found = catalogue(load_contracts("marts"))
    for d in found:
        say(f"{d['id']:<44} {d['share_type_zh']}  {d['tier']}  {d['title_zh']}")
    emit(as_json, {"datasets": found})


@share.command("agreements", short_help="Agreements and whether they can be delivered from")
@json_option
@with_settings
def agreements(settings: Settings, as_json: bool) -> None:
    """协议 / Agreements with what is missing for a delivery today. They are rows of reference/share_agreement.csv."""
    from warehouse.errors import EduError
    from warehouse.sharing.agreements import in_force, load_agreements

    lines = []
    for a in load_agreements().values():
        try:
            in_force(a.agreement_id, date.today())
            problem = ""
        except EduError as error:
            problem = error.message
        lines.append({**a.values, "problem": problem})
        mark = "✗" if problem else "✓"
        say(f"{mark} {a.agreement_id:<14} {a.dataset:<36} {a.valid_from}–{a.valid_to}  {a.recipient_zh}")
        if problem:
            say(f"    {problem}")
    emit(as_json, {"agreements": lines})


@share.command("request", short_help="Enter a request for data")
@click.argument("dataset")
@click.option("--recipient", required=True, help="Office that asks; never a person.")
@_DAY
@_BY
@json_option
@with_settings
def request(
    settings: Settings, dataset: str, recipient: str, received: datetime | None, account: str, as_json: bool
) -> None:
    """申请登记 / Enter a request; the clock runs from the day of receipt.

    Example: edu share request school_size__school_month --recipient 省财政厅教科文处 --by ops
    """
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.sharing import desk
    from warehouse.workflow.accounts import authenticate

    who = authenticate(settings, account, needs=("operator",))
    with open_warehouse(settings) as session:
        prepare(session)
        number = desk.receive(session, recipient, dataset, _day(received), who.account)
        found = desk.one(session, desk.REQUEST, "request_id", number)
    say(f"✓ {number} {found['share_type']}: 答复期限 to be answered by {found['answer_due']}")
    say(f"  → edu share answer {number} --grant AGREEMENT --by APPROVER")
    emit(as_json, found)


@share.command("answer", short_help="Grant or refuse a request")
@click.argument("number")
@click.option("--grant", "agreement", help="Agreement under which it is granted.")
@click.option("--refuse", "reason", help="Reason of a refusal.")
@_BY
@json_option
@with_settings
def answer(
    settings: Settings, number: str, agreement: str | None, reason: str | None, account: str, as_json: bool
) -> None:
    """答复 / Grant request NUMBER under an agreement, or refuse it. Needs an approver of the province who did not enter it.

    Example: edu share answer SQ-2025-0001 --grant A-FINANCE-1 --by shen-1
    """
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.sharing import desk
    from warehouse.workflow.accounts import authenticate

    who = authenticate(settings, account, needs=("province_approver",))
    with open_warehouse(settings) as session:
        prepare(session)
        found = desk.answer(
            session, number, by=who.account, today=date.today(), agreement_id=agreement, refusal=reason
        )
    after = f": 提供期限 to be delivered by {found['deliver_due']}" if agreement else ""
    say(f"✓ {number} {'已同意 granted' if agreement else '已拒绝 refused'}{after}")
    if agreement:
        say(f"  → edu share deliver {number} --by OPERATOR")
    emit(as_json, found)


@share.command("deliver", short_help="Cut a delivery exactly to its agreement")
@click.argument("number")
@click.option("--release", "release_id", help="Release to cut from; default: the current one.")
@_BY
@json_option
@with_settings
def deliver(settings: Settings, number: str, release_id: str | None, account: str, as_json: bool) -> None:
    """提供 / Cut what granted request NUMBER allows, check it, log it. Repeat it for every month of the agreement.

    Example: edu share deliver SQ-2025-0001 --by ops
    """
    from assets.sharing.exchange import deliver_through_gate
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.workflow.accounts import authenticate

    who = authenticate(settings, account, needs=("operator",))
    with open_warehouse(settings) as session:
        prepare(session)
        folder, line = deliver_through_gate(
            session, settings, number, by=who.account, today=date.today(), release_id=release_id
        )
    say(f"✓ {line.delivery_no} {line.dataset} {line.release_id}: {line.n_rows} 行 rows → {line.recipient_zh}")
    say(f"  {folder}")
    emit(as_json, {**vars(line), "folder": str(folder)})


@share.command("doubt", short_help="Enter a doubt of a recipient about a figure")
@click.argument("delivery")
@click.option("--key", required=True, help="Row in doubt: values of its key; never a person.")
@click.option("--field", required=True, help="Field in doubt.")
@_DAY
@_BY
@with_settings
def doubt(
    settings: Settings, delivery: str, key: str, field: str, received: datetime | None, account: str
) -> None:
    """校核 / Enter that a recipient doubts a figure of DELIVERY.

    Example: edu share doubt JF-2025-0001 --key "2025-11 3630000001" --field n_pupils --by ops
    """
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.sharing import desk
    from warehouse.workflow.accounts import authenticate

    who = authenticate(settings, account, needs=("operator",))
    with open_warehouse(settings) as session:
        prepare(session)
        number = desk.doubt(session, delivery, key, field, _day(received), who.account)
        found = desk.one(session, desk.CORRECTION, "correction_id", number)
    say(f"✓ {number}: 答复期限 to be answered by {found['due']}")


@share.command("resolve", short_help="Answer a doubt")
@click.argument("number")
@click.option("--result", type=click.Choice(["corrected", "explained", "rejected"]), required=True)
@click.option("--ref", required=True, help="Release that corrects it, or number of the letter.")
@_BY
@with_settings
def resolve(settings: Settings, number: str, result: str, ref: str, account: str) -> None:
    """回告 / Answer doubt NUMBER. Example: edu share resolve JC-2025-0001 --result corrected --ref v2025.11.1 --by ops"""
    from warehouse.catalogue import prepare
    from warehouse.engine.duckdb import open_warehouse
    from warehouse.sharing import desk
    from warehouse.workflow.accounts import authenticate

    who = authenticate(settings, account, needs=("operator",))
    with open_warehouse(settings) as session:
        prepare(session)
        desk.resolve(session, number, result=result, ref=ref, by=who.account, today=date.today())
    say(f"✓ {number} {result} {ref}")


@share.command("list", short_help="What waits, and the log of deliveries")
@click.option("--log", "whole", is_flag=True, help="Also every delivery ever made.")
@json_option
@with_settings
def list_(settings: Settings, whole: bool, as_json: bool) -> None:
    """待办与台账 / Requests and doubts that wait, most urgent first; exit code 3 if one is late. Example: edu share list --log"""
    import sys

    from warehouse.engine.duckdb import open_reader
    from warehouse.sharing import desk

    with open_reader(settings) as session:
        waiting = desk.open_items(session, date.today())
        log = desk.log_rows(session) if whole else []
    for w in waiting:
        late = "  逾期 late" if w["late"] else ""
        say(f"{w['due']}  {w['what']:<10} {w['number']}  {w['subject']}{late}")
    if not waiting:
        say("没有待办 / nothing waits")
    for d in log:
        say(
            f"{d['delivered_on']}  {d['delivery_no']}  {d['agreement_id']:<14} {d['dataset']} {d['release_id'] or d['period']}: "
            f"{d['n_rows']} rows, {d['sha256'][:12]}, {d['approver']}"
        )
    emit(as_json, {"waiting": waiting, "deliveries": log})
    if any(w["late"] for w in waiting):
        sys.exit(3)


@share.command("consumers", short_help="What dashboards and departments rely on")
@click.argument("candidate", required=False)
@json_option
@with_settings
def consumers(settings: Settings, candidate: str | None, as_json: bool) -> None:
    """使用方契约 / Contracts of consumers, checked against CANDIDATE or a release (default: the current one).

    Exit code 3 if a promise is broken in a way that blocks. Example: edu share consumers 2025-11
    """
    import sys

    from pipelines.cli.release import find_candidate
    from warehouse.errors import UsageError
    from warehouse.release import files, pointer
    from warehouse.release.duckdb_file import memory_session
    from warehouse.release.manifest import read_contracts
    from warehouse.sharing.consumers import blocking, check_consumers, load_consumers, paper

    current = pointer.current_id(settings)
    if candidate is None and current is None:
        raise UsageError("尚无发布 / nothing is published yet", "edu share consumers CANDIDATE")
    if candidate is None:
        folder = settings.releases / str(current)
    elif (settings.releases / candidate).is_dir():
        folder = pointer.find_release(settings, candidate).path
    else:
        folder = find_candidate(settings, candidate).path
    facts = files.read_json(folder / "RELEASE.json")
    known = load_consumers(settings)
    session = memory_session()
    try:
        breaks = check_consumers(session, folder, read_contracts(folder), known, facts["period"])
    finally:
        session.con.close()
    document = paper(known, breaks)
    for c in document["consumers"]:
        say(f"{'✗' if c['breaks'] else '✓'} {c['id']:<24} {c['title_zh']}  {', '.join(c['marts'])}")
        for b in c["breaks"]:
            say(
                f"    {'阻断 blocks' if b['blocks'] else '提示 warns'} {b['mart']}: {b['what_zh']} / {b['what_en']}"
            )
    emit(as_json, {"release": facts["id"], **document})
    if blocking(document):
        sys.exit(3)
