"""`edu watch` and the sensor `failed_load` as they run: a real warehouse, Dagster's own records, a local web server."""

from __future__ import annotations

import json
import time

import dagster as dg
import pytest
from click.testing import CliRunner
from rules.valid_rows import COUNTY, PERIOD, rows_of


@pytest.fixture
def house(world, hook, monkeypatch, tmp_path):
    """A warehouse with one refused file; alerts go to the local server."""
    monkeypatch.setenv("EDU_ROOT", str(world.root))
    monkeypatch.setenv("EDU_ALERT_WEBHOOK_URL", f"http://127.0.0.1:{hook.server_port}/")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))  # the command sets it; this puts it back
    world.put("student_registry", rows_of("student_registry"), name="a.csv", n_rows=7)
    with world.session() as session:
        world.collect(session, "student_registry")
    return world


def told(hook) -> list[str]:
    return [json.loads(body)["text"]["content"] for _, body in hook.seen]


def edu(*arguments: str):
    from pipelines.cli.main import main

    return CliRunner().invoke(main, [*arguments, "--json"])


def test_watch_tells_once_and_says_the_same_to_machines(house, hook):
    first = edu("watch")
    assert first.exit_code == 0, first.output
    keys = {a["key"] for a in json.loads(first.stdout)["alerts"]}
    assert f"refused {PERIOD}" in keys and not any(k.startswith("silent") for k in keys)
    assert len(told(hook)) >= 1 and any(COUNTY in text and "RC12" in text for text in told(hook))
    n = len(hook.seen)
    assert json.loads(edu("watch").stdout)["sent"] == [] and len(hook.seen) == n


def test_an_old_snapshot_ends_with_six(house, hook, monkeypatch):
    monkeypatch.setenv("EDU_WATCH_SNAPSHOT_DAYS", "-1")  # whatever there is is too old
    result = edu("watch")
    assert result.exit_code == 6 and any("没有新的发布" in text for text in told(hook))


def test_a_daemon_without_a_sign_ends_with_six(house, hook):
    from dagster._daemon.types import DaemonHeartbeat

    def beat(minutes_ago: float) -> None:
        with dg.DagsterInstance.get() as instance:
            instance.add_daemon_heartbeat(DaemonHeartbeat(time.time() - 60 * minutes_ago, "SENSOR", "1", []))

    assert edu("watch", "--daemon-minutes", "15").exit_code == 6  # it has never run
    assert any("没有心跳" in text for text in told(hook))
    beat(minutes_ago=20)
    assert edu("watch", "--daemon-minutes", "15").exit_code == 6
    beat(minutes_ago=1)
    assert edu("watch", "--daemon-minutes", "15").exit_code == 0


def test_the_sensor_tells_of_a_failed_run(house, hook):
    from assets.resource import EduWarehouse
    from pipelines.definitions import failed_load

    @dg.op
    def stop() -> None:
        raise dg.Failure("a door")

    @dg.job(tags={"dagster/partition": PERIOD})
    def month() -> None:
        stop()

    with dg.DagsterInstance.ephemeral() as instance:
        run = month.execute_in_process(instance=instance, raise_on_error=False)
        failure = next(e for e in run.all_events if e.event_type_value == "PIPELINE_FAILURE")
        context = dg.build_run_status_sensor_context(
            sensor_name="failed_load", dagster_event=failure, dagster_instance=instance, dagster_run=run.dagster_run,
            resources={"warehouse": EduWarehouse(root=str(house.root))},
        )  # fmt: skip
        failed_load(context.for_run_failure())
        assert len(told(hook)) == 1 and f"{PERIOD}" in told(hook)[0] and "RC12" in told(hook)[0]
        failed_load(context.for_run_failure())
        assert len(told(hook)) == 1  # said already


def test_a_server_that_is_away_does_not_break_the_watch(house, hook):
    hook.failures = 99
    result = edu("watch")
    assert result.exit_code == 0 and not any(s["ok"] for s in json.loads(result.stdout)["sent"])


def test_status_counts_what_is_missing_and_what_came_late(world, monkeypatch):
    from warehouse.workflow.arrival import sync

    monkeypatch.setenv("EDU_ROOT", str(world.root))
    world.put("student_registry", rows_of("student_registry"), name="a.csv", received_on="2026-04-06")
    with world.session() as session:
        world.collect(session, "student_registry")
    unseen = json.loads(edu("status").stdout)["months"][-1]
    with world.session() as session:
        sync(session, world.settings)
    month = json.loads(edu("status").stdout)["months"][-1]
    assert (month["period"], unseen["late"], month["late"]) == (PERIOD, 0, 1)
    assert unseen["missing"] - month["missing"] == 3  # the two directories of the month, and this file
