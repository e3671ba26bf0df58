"""What every group of the `edu` command needs: words on stderr, results on stdout, settings, progress."""

from __future__ import annotations

import functools
import json as jsonlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from warehouse.config import load_settings


def say_error(message: str, remedy: str = "") -> None:
    """An error in plain words on stderr: what happened, and what to do."""
    click.secho(f"✗ {message}", fg="red", err=True)
    if remedy:
        click.secho(f"  → {remedy}", fg="yellow", err=True)


def say(text: str) -> None:
    """A line for the person at the terminal; stderr, so that --json on stdout stays clean."""
    click.echo(text, err=True)


def with_settings(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the settings as its first argument."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        os.umask(0o077)
        return command(load_settings(), *args, **kwargs)

    return wrapped


json_option = click.option("--json", "as_json", is_flag=True, help="Machine-readable result on stdout.")


def emit(as_json: bool, document: dict[str, Any]) -> None:
    """The result for machines, if wanted."""
    if as_json:
        click.echo(jsonlib.dumps(document, ensure_ascii=False, indent=2, default=str))


@contextmanager
def progress(title: str) -> Iterator[None]:
    """A live progress bar on a terminal, one line per step elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from warehouse.progress import listening

    console = Console(stderr=True)
    if not console.is_terminal:
        seen: set[str] = set()

        def line(step: str, done: int, total: int) -> None:
            if step not in seen:
                seen.add(step)
                click.echo(f"  {title}: {step}", err=True)

        with listening(line):
            yield
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=None)

        def move(step: str, done: int, total: int) -> None:
            bar.update(
                task, description=f"{title} · {step}", completed=done, total=total if total > 1 else None
            )

        with listening(move):
            yield
