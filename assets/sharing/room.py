"""The room of sharing: marts, and a release candidate made from them that waits for its approvers."""

import hashlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg

from assets.checks import check_results, check_specs
from assets.models import datasets_of, key_of, models_of, run_room, spec_of
from assets.resource import MONTHS, WRITER, EduWarehouse, ReleasePages
from assets.sharing.evidence import write_evidence
from assets.sharing.registers import (
    build_lineage,
    build_registers,
    coverage_paper,
    evidence,
    inputs_in_force,
    released_codes,
)
from assets.use.room import DOOR as USED
from expectations.doors import Subject, judge
from warehouse.config import Settings
from warehouse.contract import load_contracts
from warehouse.engine.duckdb import Session, literal
from warehouse.reference import reference_version
from warehouse.release import Candidate, build_candidate, files, list_releases, load_candidate
from warehouse.sharing.consumers import consumer_files, load_consumers
from warehouse.sharing.registers import TABLES as SHARE_TABLES
from warehouse.sharing.registers import build_share_registers
from warehouse.version import code_version
from warehouse.workflow.restatement import corrections_text

CANDIDATE = dg.AssetKey(["release", "candidate"])
PIPELINE = "pipeline"  # the account that builds candidates; no person, so it can approve nothing
_MODELS = models_of("sharing")
_MARTS = sorted(load_contracts("marts"))
_STAGED = tuple(f"release.{mart}" for mart in _MARTS)
_REGISTERS = ("content_scan", "release_paper", "person_counter", "blocking_result", *SHARE_TABLES)
_RECORDS = ("lineage", "reprocessing", "assessment_use", "reference_change")
_DATASETS = {**datasets_of(_MODELS), CANDIDATE: (*_RECORDS, *_REGISTERS, *_STAGED)}


@dg.multi_asset(
    name="sharing",
    specs=[
        *(spec_of(m, USED) for m in _MODELS),
        dg.AssetSpec(
            CANDIDATE,
            group_name="sharing",
            partitions_def=MONTHS,
            kinds={"parquet", "duckdb"},
            description="发布候选 / release candidate: waits for two approvers, then `edu publish`",
            deps=[key_of(m.table) for m in _MODELS],
        ),
    ],
    check_specs=check_specs(_DATASETS),
    pool=WRITER,
)
def sharing(context: dg.AssetExecutionContext, warehouse: EduWarehouse, pages: ReleasePages) -> Iterator[Any]:
    """共享: marts, disclosure control, and the rules over the staged files."""
    settings, period = warehouse.settings(), context.partition_key
    with warehouse.open() as session:
        results = list(run_room(session, settings, period, _MODELS, context.log))
        yield from results
        build_lineage(session, period)
        records = [
            Subject("lineage", "work.main.lineage"),
            Subject("reprocessing", "ops.model_content__run", scope=f"period = {literal(period)}"),
            Subject("reference_change", "ops.reference__in_force"),
            Subject("assessment_use", "ops.scorecard__frozen", scope=f"year = {period[:4]}"),
        ]
        judged = dict(judge(session, settings, period, records))
        candidate = _candidate(session, settings, period, pages)
        context.log.info(f"candidate {candidate.path.name}")
        build_registers(session, period, candidate)
        build_share_registers(session, date.today())
        subjects = [Subject(d, f"work.main.{d}") for d in _REGISTERS] + _staged(session, candidate)
        judged |= judge(session, settings, period, subjects)
        batches = {d: [b] for d, b in judged.items()}
        yield dg.MaterializeResult(
            CANDIDATE,
            metadata={
                "candidate": candidate.path.name,
                "content": candidate.content_hash[:12],
                "files": len(list(candidate.path.rglob("*"))),
            },
            check_results=check_results(session, CANDIDATE, _DATASETS[CANDIDATE], batches),
        )


def _candidate(session: Session, settings: Settings, period: str, pages: ReleasePages) -> Candidate:
    """The month's candidate; the one that is there when everything that goes into it is the same."""
    inputs, rules = inputs_in_force(session, period), evidence(session, period)
    tables = session.rows(
        "SELECT model, period, content FROM ops.model_run__model_period WHERE period <= ? AND model LIKE 'mart.%' ORDER BY ALL",
        [period],
    )
    before = [(r.id, r.content_hash) for r in list_releases(settings)]
    relied = [file.read_bytes() for file in consumer_files(settings)]
    recipe = hashlib.sha256(
        repr(
            (inputs, rules, code_version(), reference_version(), pages.version(), tables, before, relied)
        ).encode()
    ).hexdigest()
    marker = settings.data / "state" / "candidate" / period
    if marker.is_file():
        made, _, name = marker.read_text().partition(" ")
        if made == recipe and (settings.candidates / name).is_dir():
            return load_candidate(settings.candidates / name)

    def extras(staged: Path) -> None:
        covered = coverage_paper(session, period, settings.province_code)
        files.write_json(staged / "quality" / "coverage.json", covered)
        write_evidence(session, period, staged, rules)
        with (staged / "CHANGES.md").open("a", encoding="utf-8") as changes:
            changes.write(corrections_text(session, period))
        previous = files.read_json(staged / "RELEASE.json")["previous"]
        pages.write(staged, settings.releases / previous if previous else None)

    candidate = build_candidate(
        session.con,
        settings,
        period=period,
        contracts=load_contracts("marts"),
        inputs=inputs,
        rule_summary=rules,
        code_version=code_version(),
        reference_version=reference_version(),
        operator=PIPELINE,
        codes=released_codes(session),
        consumers=load_consumers(settings),
        extras=extras,
    )
    marker.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    marker.write_text(f"{recipe} {candidate.path.name}")
    return candidate


def _staged(session: Session, candidate: Candidate) -> list[Subject]:
    subjects = []
    for mart in _MARTS:
        file = Path(candidate.path) / "parquet" / f"{mart}.parquet"
        view = f"work.main.staged__{mart}"
        session.execute(f"CREATE OR REPLACE VIEW {view} AS SELECT * FROM read_parquet({literal(str(file))})")
        if any(c.dataset == f"release.{mart}" for r in _rules() for c in r.checks):
            subjects.append(Subject(f"release.{mart}", view, state=candidate.content_hash))
    return subjects


def _rules() -> Any:
    from expectations.rule import all_rules

    return all_rules().values()
