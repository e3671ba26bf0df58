"""Originals: byte-identical, encrypted, closed to others, and every change noticed."""

import hashlib

import pytest

from warehouse import archive
from warehouse.errors import EduError

KEY = bytes(range(32))


def _store(tmp_path, content):
    source = tmp_path / "source.csv"
    source.write_bytes(content)
    sha256 = archive.sha256_file(source)
    return sha256, archive.store(tmp_path / "archive", KEY, source, sha256)


@pytest.mark.parametrize("size", [0, 1, 1000, 4 * 1024 * 1024, 4 * 1024 * 1024 + 1])
def test_what_goes_in_comes_out(tmp_path, size):
    content = (b"\xd1\xa7\xd0\xa3,13999990001\r\n" * (size // 10 + 1))[:size]
    sha256, path = _store(tmp_path, content)
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert archive.is_intact(tmp_path / "archive", KEY, sha256)
    archive.restore(tmp_path / "archive", KEY, sha256, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == content
    assert b"13999990001" not in path.read_bytes()


def test_modes_and_repetition(tmp_path):
    sha256, path = _store(tmp_path, b"x")
    before = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o400
    assert {p.stat().st_mode & 0o777 for p in (path.parent, path.parent.parent)} == {0o700}
    assert archive.store(tmp_path / "archive", KEY, tmp_path / "source.csv", sha256) == path
    assert path.read_bytes() == before  # there already: left alone
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("spoil", ["key", "bit", "cut", "gone", "name"])
def test_restore_refuses_what_is_not_the_original(tmp_path, spoil):
    sha256, path = _store(tmp_path, b"content of a file")
    key = KEY
    path.chmod(0o600)
    if spoil == "key":
        key = bytes(32)
    elif spoil == "bit":
        content = bytearray(path.read_bytes())
        content[14] ^= 4
        path.write_bytes(bytes(content))
    elif spoil == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    elif spoil == "gone":
        path.unlink()
    else:
        other = archive.object_path(tmp_path / "archive", "0" * 64)
        other.parent.mkdir(parents=True, exist_ok=True)
        other.write_bytes(path.read_bytes())
        sha256 = "0" * 64
    assert not archive.is_intact(tmp_path / "archive", key, sha256)
    with pytest.raises(EduError):
        archive.restore(tmp_path / "archive", key, sha256, tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_two_originals_never_share_a_nonce(tmp_path):
    nonces = set()
    for n in range(50):
        _, path = _store(tmp_path, str(n).encode())
        nonces.add(path.read_bytes()[:12])
    assert len(nonces) == 50
