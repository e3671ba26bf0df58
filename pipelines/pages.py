"""The pages that a release gets: the rooms know only that there are some (assets/resource.py)."""

from pathlib import Path

from assets.resource import ReleasePages


class DashboardPages(ReleasePages):
    """Dashboard and evidence page, made from the staged files alone."""

    def version(self) -> str:
        """Hash over everything in `dashboard/`."""
        from dashboard.build import pages_version

        return pages_version()

    def write(self, staged: Path, previous: Path | None) -> None:
        """Write `dashboard/index.html` and `dashboard/evidence.html`."""
        from dashboard.build import write_pages

        write_pages(staged, previous)
