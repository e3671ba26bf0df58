"""Key file, private work folders, settings."""

import fcntl
import json
import os

import pytest

from warehouse.config import DEFAULTS, load_settings
from warehouse.engine.work import private_folder, sweep, work_folder
from warehouse.errors import UsageError
from warehouse.keys import load_keys


def test_keys_are_made_once_and_for_the_owner_only(tmp_path):
    file = tmp_path / "keys" / "keys.json"
    made = load_keys(file)
    assert load_keys(file) == made
    assert len({made.archive, made.vault, made.token}) == 3
    assert all(len(k) == 32 for k in (made.archive, made.vault, made.token))
    assert file.stat().st_mode & 0o777 == 0o600
    assert made.archive.hex() not in repr(made)
    assert [p.name for p in file.parent.iterdir()] == ["keys.json"]


def test_keys_that_others_may_read_are_refused(tmp_path):
    file = tmp_path / "keys.json"
    load_keys(file)
    file.chmod(0o640)
    with pytest.raises(UsageError, match="chmod 600"):
        load_keys(file)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "{}", '{"archive": "zz", "vault": "", "token": ""}', "null"]
)
def test_a_damaged_key_file_is_said_to_be_damaged(tmp_path, content):
    file = tmp_path / "keys.json"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(UsageError, match="damaged"):
        load_keys(file)


def test_a_key_that_is_too_short_is_damaged(tmp_path):
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"archive": "00", "vault": "00", "token": ""}))
    file.chmod(0o600)
    with pytest.raises(UsageError, match="damaged"):
        load_keys(file)


def test_a_work_folder_is_private_and_goes_whatever_happens(tmp_path):
    with work_folder(tmp_path / "work") as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "clear.csv").write_text("x")
    assert list((tmp_path / "work").iterdir()) == []
    with pytest.raises(KeyboardInterrupt), work_folder(tmp_path / "work"):
        raise KeyboardInterrupt
    assert list((tmp_path / "work").iterdir()) == []


def test_what_a_dead_process_left_is_swept_and_what_lives_stays(tmp_path):
    work = tmp_path / "work"
    dead = work / "999999999-aa"
    dead.mkdir(parents=True)
    (dead / "clear.csv").write_text("x")
    crashed = work / "1-bb"
    crashed.mkdir()
    (crashed / ".lock").touch()
    living = work / "1-cc"
    living.mkdir()
    handle = os.open(living / ".lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with work_folder(work) as mine:
        assert {p.name for p in work.iterdir()} == {living.name, mine.name}
    os.close(handle)
    assert sweep(work) == 1


def test_every_new_level_is_closed(tmp_path):
    private_folder(tmp_path / "a" / "b" / "c", 2)
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "a" / "b" / "c").stat().st_mode & 0o777 == 0o700


def test_settings_say_where_each_value_came_from(tmp_path, monkeypatch):
    (tmp_path / "edu.toml").write_text('[engine]\nthreads = 3\n[paths]\ndata = "d"\n')
    monkeypatch.setenv("EDU_ENGINE_MEMORY_LIMIT", "2GB")
    monkeypatch.setenv("EDU_ENGINE_THREADS", "5")
    settings = load_settings(tmp_path)
    assert settings.get("engine", "threads") == 5
    assert settings.get("engine", "memory_limit") == "2GB"
    assert settings.landing == tmp_path / "d" / "landing"
    assert settings.origin["engine.threads"] == "EDU_ENGINE_THREADS"
    assert settings.origin["paths.data"] == "edu.toml"
    assert settings.origin["province.code"] == "default"
    assert DEFAULTS["engine"]["threads"] == 0


@pytest.mark.parametrize("text", ["[engine]\nthread = 1\n", "[engin]\nthreads = 1\n", "[engine\n"])
def test_a_misspelt_setting_is_refused(tmp_path, text):
    (tmp_path / "edu.toml").write_text(text)
    with pytest.raises(UsageError):
        load_settings(tmp_path)


def test_a_number_is_a_number(tmp_path, monkeypatch):
    monkeypatch.setenv("EDU_ENGINE_THREADS", "many")
    with pytest.raises(UsageError):
        load_settings(tmp_path)
