"""`edu dashboard`: the pages of a release, built again or opened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from pipelines.cli.shell import emit, json_option, say, with_settings
from warehouse.config import Settings
from warehouse.errors import UsageError


@click.group(name="dashboard", short_help="The pages of a release: build, open")
def dashboard_group() -> None:
    """看板 / The pages of a release: indicators and evidence. Example: edu dashboard open"""


@dashboard_group.command(short_help="Build the pages of a release into another folder")
@click.argument("release", required=False)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="Target folder; a release itself is never changed.",
)
@json_option
@with_settings
def build(settings: Settings, release: str | None, out: Path, as_json: bool) -> None:
    """生成 / Copy RELEASE (id or folder; default: the current one) to OUT and build its pages there with this code.

    Example: edu dashboard build v2025.11.0 --out /tmp/preview
    """
    result = build_pages(settings, release, out)
    for file, size in result["files"].items():
        say(f"✓ {file} ({size:,} bytes)")
    emit(as_json, result)


@dashboard_group.command(name="open", short_help="Open the dashboard of a release in the browser")
@click.argument("release", required=False)
@click.option("--evidence", is_flag=True, help="Open the evidence page.")
@click.option("--print", "only_print", is_flag=True, help="Print the address, open nothing.")
@with_settings
def open_page(settings: Settings, release: str | None, evidence: bool, only_print: bool) -> None:
    """打开 / Open the dashboard of RELEASE (id or folder; default: the current one). Example: edu dashboard open --evidence"""
    page = (
        find_release_folder(settings, release) / "dashboard" / f"{'evidence' if evidence else 'index'}.html"
    )
    if not page.is_file():
        raise UsageError(
            f"{page.parent.parent.name} 没有看板 / has no dashboard",
            "it was built by an older version: edu dashboard build RELEASE --out FOLDER",
        )
    click.echo(page.as_uri())
    if not only_print:
        click.launch(page.as_uri())


def find_release_folder(settings: Settings, release: str | None) -> Path:
    """Folder of a release by id or path, or of the current one; links are resolved once."""
    from warehouse.release.pointer import current_id, find_release

    name = release or current_id(settings)
    if name is None:
        raise UsageError(
            "尚无发布 / Nothing is published yet", "`edu publish` publishes an approved candidate"
        )
    folder = Path(name)
    return folder.resolve() if (folder / "RELEASE.json").is_file() else find_release(settings, name).path


def build_pages(settings: Settings, release: str | None, out: Path) -> dict[str, Any]:
    """Copy a release into a new folder and build its pages there; UsageError if `out` is not empty."""
    import shutil

    from assets.sharing.evidence import copy_reference
    from dashboard.build import write_pages

    source = find_release_folder(settings, release)
    if out.exists() and any(out.iterdir()):
        raise UsageError(f"{out} 不是空目录 / is not empty", "name a new folder")
    shutil.copytree(source, out, dirs_exist_ok=True, copy_function=shutil.copyfile)
    if not (out / "reference").is_dir():
        # An older release carries no reference tables; those of this version are the nearest there is.
        copy_reference(out)
    before = json.loads((source / "RELEASE.json").read_text(encoding="utf-8")).get("previous")
    files = write_pages(out, source.parent / before if before else None)
    return {"release": source.name, "files": {str(f): f.stat().st_size for f in files}}
