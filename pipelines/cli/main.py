"""The `edu` command. Heavy packages are imported inside the commands, so that help is instant.

Exit codes: 0 ok, 1 crash, 2 wrong usage, 3 blocking rule, 4 input unreadable, 5 warehouse busy,
6 last good snapshot too old.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from pipelines.cli.accounts import accounts
from pipelines.cli.alerts import STALE, alerts, tell_of_load, watch
from pipelines.cli.calendar import calendar, diff
from pipelines.cli.card import card
from pipelines.cli.dashboard import dashboard_group
from pipelines.cli.explain import explain
from pipelines.cli.indicators import major, scorecard, task
from pipelines.cli.monitor import case, feedback, gaps, snapshot
from pipelines.cli.person import person
from pipelines.cli.reference import reference
from pipelines.cli.register import register_group
from pipelines.cli.releases import release as release_group
from pipelines.cli.returns import replay, replies, return_command
from pipelines.cli.review import review
from pipelines.cli.screen import screen
from pipelines.cli.share import share
from pipelines.cli.shell import emit, json_option, progress, say, say_error, with_settings
from warehouse.config import Settings
from warehouse.errors import EduError, UsageError, redact

EPILOG = "Exit codes: 0 ok · 1 crash · 2 usage · 3 blocking rule, nothing published · 4 input unreadable · 5 warehouse busy · 6 snapshot too old"


class Edu(click.Group):
    """Lists commands in the order of a month's work, and turns our errors into words and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Order of definition."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an EduError ends it with its words and code, anything else with a redacted line."""
        try:
            return super().invoke(ctx)
        except EduError as error:
            say_error(error.message, error.remedy)
            sys.exit(error.exit_code)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            if os.environ.get("EDU_DEBUG"):
                raise
            # A foreign error may quote data: only its kind and a redacted line are shown.
            say_error(
                f"{type(error).__name__}: {redact(str(error))}",
                "run `edu doctor`; EDU_DEBUG=1 shows the traceback",
            )
            sys.exit(1)


@click.group(cls=Edu, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="edu-warehouse")
def main() -> None:
    """教育数据仓库 / Education data warehouse: extracts in, validated and approved releases out."""


@main.command(short_help="Check this machine, the settings and the warehouse")
@json_option
@with_settings
def doctor(settings: Settings, as_json: bool) -> None:
    """检查环境、配置与仓库 / Check machine, settings and warehouse; repairs what a dead process left behind."""
    from pipelines.cli.doctor import examine

    findings = examine(settings)
    for f in findings:
        mark = click.style("✓", fg="green") if f.ok else click.style("✗", fg="red")
        say(f"{mark} {f.what}" + (f"\n  → {f.remedy}" if not f.ok and f.remedy else ""))
    emit(as_json, {"ok": all(f.ok for f in findings), "findings": [vars(f) for f in findings]})
    if not all(f.ok for f in findings):
        sys.exit(1)


@main.command(short_help="Sample province → load → approve → publish → verify")
@click.option("--scale", type=float, default=0.05, show_default=True, help="1 = 1.3 M pupils.")
@click.option("--seed", type=int, default=20160225, show_default=True)
@click.option("--month", "months", multiple=True, help="Months to load (repeatable); default: three in 2025.")
@json_option
@with_settings
def demo(settings: Settings, scale: float, seed: int, months: tuple[str, ...], as_json: bool) -> None:
    """演示 / The whole way of three months on a synthetic province, approved by two demo approvers."""
    from pipelines.cli.demo import run_demo

    emit(as_json, run_demo(settings, scale=scale, seed=seed, months=months))


@main.group(short_help="Write the synthetic province into a folder", invoke_without_command=True)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Target folder; default: the landing zone of edu.toml."
)
@click.option("--scale", type=float, default=0.05, show_default=True, help="1 = 1.3 M pupils.")
@click.option("--seed", type=int, default=20160225, show_default=True)
@click.option("--month", "months", multiple=True, help="Months to write (repeatable).")
@click.option("--dirt", type=float, default=1.0, show_default=True, help="Rate of seeded defects; 0 = clean.")
@click.option("--csv-only", is_flag=True, help="Every file as csv in GB18030.")
@json_option
@click.pass_context
@with_settings
def sample(
    settings: Settings,
    context: click.Context,
    out: Path | None,
    scale: float,
    seed: int,
    months: tuple[str, ...],
    dirt: float,
    csv_only: bool,
    as_json: bool,
) -> None:
    """样例省 / Extracts X1–X12 in their real formats, with seeded defects and a ledger of the truth. No real person."""
    if context.invoked_subcommand:
        return
    from pipelines.cli.demo import write_sample

    target = out or settings.data
    summary = write_sample(target, scale=scale, seed=seed, months=months, dirt=dirt, csv_only=csv_only)
    say(
        f"✓ {summary['files']} files, {summary['rows']} rows, {summary['defects']} seeded defects in {target}"
    )
    emit(as_json, summary)


@sample.command("score", short_help="What the checks caught of the seeded dirt: recall and precision")
@click.option(
    "--truth", type=click.Path(path_type=Path), help="Folder truth/ of the sample; default: beside landing."
)
@json_option
@with_settings
def sample_score(settings: Settings, truth: Path | None, as_json: bool) -> None:
    """样例评分 / Join the ledger of the sample with the warehouse. Example: edu sample score --json

    Exit code 3 if a seeded defect was missed or a clean row was flagged.
    """
    from pipelines.cli.report import print_score

    document = print_score(settings, truth or settings.data / "truth")
    emit(as_json, document)
    if document["missed"] or document["false"]:
        sys.exit(3)


@main.command(short_help="Load a month: collect, check, build the release candidate")
@click.argument("period")
@json_option
@with_settings
def load(settings: Settings, period: str, as_json: bool) -> None:
    """加载 / Load PERIOD (YYYY-MM) from landing. Files already loaded are skipped; nothing is published."""
    from pipelines.cli.report import print_load
    from pipelines.run import run_month
    from warehouse.landing import SOURCES, check_period, files_in

    check_period(period)
    if not any(files_in(settings, s, period) for s in SOURCES):
        raise UsageError(
            f"Nothing lies in landing for {period}", f"put files into {settings.landing}/<source>/{period}/"
        )
    with progress(period):
        report = run_month(settings, period)
    print_load(report)
    emit(as_json, vars(report))
    if not report.success:
        tell_of_load(settings, period)
        sys.exit(3)


@main.command(short_help="What is loaded, refused, waiting and published")
@json_option
@with_settings
def status(settings: Settings, as_json: bool) -> None:
    """状态 / Months, files, open faults, candidates that wait for approval, the current release."""
    from pipelines.cli.report import print_status

    found = print_status(settings)
    emit(as_json, found)
    if found["silent"]:
        say_error(found["silent"], "`edu watch` tells those in charge; setting watch.snapshot_days")
        sys.exit(STALE)


@main.command(short_help="Rule results of a month")
@click.argument("period")
@click.option("--all", "everything", is_flag=True, help="Also rules that passed.")
@json_option
@with_settings
def check(settings: Settings, period: str, everything: bool, as_json: bool) -> None:
    """规则结果 / Results of the lifecycle rules of PERIOD, by stage: counts only. Exit code 3 if a blocking rule failed."""
    from pipelines.cli.report import print_check

    found = print_check(settings, period, everything)
    emit(as_json, found)
    if found["blocking"]:
        sys.exit(3)


for group in (review, accounts, calendar, diff, alerts, watch):
    main.add_command(group)


@main.command(short_help="Publish an approved candidate")
@click.argument("candidate")
@click.option(
    "--by", "operator", required=True, help="Account id of the operator; an approver cannot publish."
)
@click.option("--dry-run", is_flag=True, help="Judge everything, switch nothing.")
@json_option
@with_settings
def publish(settings: Settings, candidate: str, operator: str, dry_run: bool, as_json: bool) -> None:
    """发布 / Publish CANDIDATE (a name, or a month for its newest). A refused candidate leaves the last release live."""
    from pipelines.cli.release import publish_command
    from warehouse.workflow.accounts import authenticate

    who = authenticate(settings, operator, needs=("operator",))
    result = publish_command(settings, candidate, who.account, dry_run)
    say(f"✓ {result['message']}")
    emit(as_json, result)


@main.command(short_help="Verify a release, the ledger or the archive")
@click.argument("release", required=False)
@click.option("--ledger", is_flag=True, help="Walk the hash chain and every row that it covers.")
@click.option("--archive", is_flag=True, help="Decrypt every original and compare it with its hash.")
@click.option("--expect", help="SEQ:HASH noted earlier; it must still be part of the chain.")
@json_option
@with_settings
def verify(
    settings: Settings, release: str | None, ledger: bool, archive: bool, expect: str | None, as_json: bool
) -> None:
    """验证 / Verify RELEASE (id or folder; default: the current one) without using the warehouse, or its records.

    For example: edu verify --ledger --archive
    """
    from pipelines.cli.release import verify_command, verify_records

    if ledger or archive or expect:
        result = verify_records(settings, ledger=ledger or bool(expect), archive=archive, expect=expect)
    else:
        result = verify_command(settings, release)
    for problem in result["problems"]:
        say_error(str(problem))
    emit(as_json, result)
    if result["problems"]:
        sys.exit(3)
    say(f"✓ {result['said']}")


@main.command(short_help="Let `current` point to another release")
@click.argument("release")
@click.option("--by", "operator", required=True, help="Account id of the operator.")
@click.option("--reason", required=True, help="Why; it is kept in the ledger.")
@with_settings
def rollback(settings: Settings, release: str, operator: str, reason: str) -> None:
    """回退 / Let the pointer `current` go back (or forward) to RELEASE; nothing else changes.

    Example: edu rollback v2025.10.0 --by ops --reason "wrong population"
    """
    from pipelines.cli.release import rollback_command
    from warehouse.workflow.accounts import authenticate

    who = authenticate(settings, operator, needs=("operator",))
    say(f"✓ current is {rollback_command(settings, release, who.account, reason).id}")


main.add_command(release_group)
main.add_command(share)


@main.command(short_help="The Dagster page on loopback")
@click.option("--port", default=3000, show_default=True)
@with_settings
def serve(settings: Settings, port: int) -> None:
    """页面 / Web page, schedule and landing sensor on 127.0.0.1. Stop with Ctrl-C."""
    from pipelines.run import dagster_home

    dagster_home(settings)
    say(f"http://127.0.0.1:{port}  (Ctrl-C stops it)")
    dagster = Path(sys.executable).with_name("dagster")
    arguments = ["dev", "-w", str(settings.root / "workspace.yaml"), "-h", "127.0.0.1", "-p", str(port)]
    os.chdir(settings.root)
    os.execv(dagster, [str(dagster), *arguments])  # noqa: S606


main.add_command(dashboard_group)
for command in (explain, scorecard, major, task, return_command, replies, replay, screen):
    main.add_command(command)
main.add_command(card)
main.add_command(case)
main.add_command(gaps)
main.add_command(feedback)
main.add_command(person)
main.add_command(snapshot)
main.add_command(reference)
main.add_command(register_group)


if __name__ == "__main__":
    main()
