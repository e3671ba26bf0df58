"""Published releases against the ledger: what was approved is not edited, only succeeded by a new version (rule RC37)."""

from __future__ import annotations

from warehouse.config import Settings
from warehouse.engine.duckdb import Session, literal
from warehouse.errors import EduError
from warehouse.release.files import SUMS, list_files, read_sums, sha256_file
from warehouse.release.manifest import content_hash
from warehouse.release.pointer import Release, list_releases

# The newest act on each release that says whether its folder is to be there, and the content that was approved.
_ACTS = """
SELECT subject, arg_max(event, seq), arg_max(detail ->> '$.content', seq) FILTER (event = 'publish')
FROM ops.ledger__event WHERE event IN ('publish', 'withdraw', 'prune') GROUP BY subject ORDER BY subject"""


def build(session: Session, settings: Settings) -> int:
    """Make work.main.published_release: release_id, is_known (to the ledger), is_there, is_unchanged; returns the number of rows.

    A withdrawn or pruned release needs no folder. Reads every file of every release once.
    """
    folders = {r.id: r for r in list_releases(settings)}
    acts = {str(i): (str(event), content) for i, event, content in session.rows(_ACTS)}
    rows = []
    for release_id in sorted(folders.keys() | {i for i, (event, _) in acts.items() if event == "publish"}):
        folder = folders.get(release_id)
        _, content = acts.get(release_id, ("", None))
        unchanged = folder is not None and content is not None and _is_unchanged(folder, str(content))
        rows.append((release_id, release_id in acts, folder is not None, unchanged))
    session.execute(
        "CREATE OR REPLACE TABLE work.main.published_release "
        "(release_id VARCHAR, is_known BOOLEAN, is_there BOOLEAN, is_unchanged BOOLEAN)"
    )
    if rows:
        values = ", ".join(f"({', '.join(map(literal, row))})" for row in rows)
        session.execute(f"INSERT INTO work.main.published_release VALUES {values}")
    return len(rows)


def _is_unchanged(release: Release, content: str) -> bool:
    """Whether the files are those of the checksums, and the statistics those of the ledger."""
    try:
        sums = read_sums(release.path)
        there = {name: sha256_file(release.path / name) for name in list_files(release.path) if name != SUMS}
        return sums == there and content_hash(release.path) == content
    except (EduError, OSError):
        return False
