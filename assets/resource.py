"""What every room is given: the settings, the keys and the open warehouse."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from warehouse.catalogue import prepare
from warehouse.config import Settings, load_settings
from warehouse.engine.duckdb import Session, open_warehouse
from warehouse.keys import Keys, load_keys

# One pool of size 1 for all writers (dagster.yaml); the file lock of the warehouse holds outside Dagster too.
WRITER = "duckdb_writer"
MONTHS = dg.MonthlyPartitionsDefinition(
    start_date="2016-01", fmt="%Y-%m", timezone="Asia/Shanghai", end_offset=1
)


class EduWarehouse(dg.ConfigurableResource):
    """The warehouse of one edu.toml; `root` is the folder that holds it ("" = found from the working directory)."""

    root: str = ""

    def settings(self) -> Settings:
        """Effective settings."""
        return load_settings(Path(self.root) if self.root else None)

    def secret_keys(self) -> Keys:
        """Secret keys."""
        settings = self.settings()
        return load_keys(settings.key_file, may_create=not settings.archive.exists())

    @contextmanager
    def open(self) -> Iterator[Session]:
        """The warehouse for writing, brought up to date with the code."""
        with open_warehouse(self.settings()) as session:
            prepare(session)
            yield session


class ReleasePages(dg.ConfigurableResource):
    """Makes pages from a staged release; this one makes none. The pages themselves are outside the rooms (`dashboard/`)."""

    def version(self) -> str:
        """Changes when the pages would: a candidate with older pages is then built again."""
        return ""

    def write(self, staged: Path, previous: Path | None) -> None:
        """Add pages to a staged release; `previous` is the folder of the release before."""
