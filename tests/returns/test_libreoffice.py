"""A clerk without Excel: the workbook opened and saved by LibreOffice keeps its texts, its hidden keys and the replies."""

from __future__ import annotations

import shutil
import subprocess

import openpyxl
import pytest

from returns.conftest import BAD_SEX, NO_GUARDIAN, load, pupils
from returns.test_circle import CLERK, answer
from warehouse.returns import replies
from warehouse.returns.content import KEYS

OFFICE = shutil.which("soffice")
NUMBER = "123456789012345678"  # a spreadsheet that takes it for a number makes …000 of it


def texts(path):
    return {
        ws.title: [["" if c is None else str(c) for c in row] for row in ws.iter_rows(values_only=True)]
        for ws in openpyxl.load_workbook(path).worksheets
        if ws.title != "退回单"  # its shares and counts are numbers
    }


@pytest.mark.slow
@pytest.mark.skipif(OFFICE is None, reason="LibreOffice is not installed")
def test_saved_by_libreoffice(world, give_back, tmp_path):
    with world.session() as session:
        load(world, session, pupils(BAD_SEX, NO_GUARDIAN))
        issued = give_back(session)
        file = answer(
            issued.path, tmp_path / "r.xlsx", {"A00001": ("已改", NUMBER), "A00002": ("属实说明", "已核")}
        )
        profile = f"-env:UserInstallation=file://{tmp_path}/profile"
        saved = tmp_path / "saved" / "r.xlsx"
        arguments = [profile, "--headless", "--convert-to", "xlsx", "--outdir", str(saved.parent), str(file)]
        subprocess.run([str(OFFICE), *arguments], check=True, capture_output=True, timeout=120)
        before, after = texts(file), texts(saved)
        for name, rows in before.items():
            kept = [row[: len(rows[0])] for row in after[name][: len(rows)]]
            assert kept == rows, name
        assert any(NUMBER in row for rows in after.values() for row in rows)
        assert openpyxl.load_workbook(saved)[KEYS].sheet_state != "visible"
        found = replies.import_file(session, world.settings, world.keys, saved, by=CLERK)
        assert (found.return_id, found.n_replies, found.n_unknown) == (issued.return_id, 2, 0)
