"""The whole circle: faults → return workbook → replies and a corrected file → closed → back again; decisions; escalation."""

from __future__ import annotations

import json
import re

import openpyxl
import pytest
from integration.personal import Persons
from rules.valid_rows import COUNTY, PERIOD, wrong_check

from returns.conftest import BAD_SEX, GOOD, NO_GUARDIAN, load, number_of, pupils
from warehouse.errors import UnreadableError, UsageError
from warehouse.returns import replies
from warehouse.returns.content import KEYS, REPLIES
from warehouse.workflow.accounts import Account

SHEET = "中小学生学籍信息"
CLERK = Account("u-county", "owner_clerk", COUNTY)
REVIEWER = Account("u-pref", "prefecture_reviewer", COUNTY[:4])
IMPOSTOR = Account("U-County", "prefecture_reviewer", COUNTY[:4])  # the same person in another office
FORMULA = {"class_label": '=HYPERLINK("http://x","y")'}


def cells(path, sheet=SHEET):
    """Rows of a sheet as dictionaries of cells by header."""
    ws = openpyxl.load_workbook(path)[sheet]
    header = [c.value for c in ws[1]]
    return [dict(zip(header, row, strict=True)) for row in ws.iter_rows(min_row=2)]


def answer(path, target, choices, change=None):
    """Fill in the replies as a clerk would: {item: (reply, note)}."""
    book = openpyxl.load_workbook(path)
    for ws in book.worksheets:
        header = [c.value for c in ws[1]]
        if "回复" not in header:
            continue
        for row in ws.iter_rows(min_row=2):
            if row[0].value in choices:
                reply, note = choices[row[0].value]
                row[header.index("回复")].value = reply
                row[header.index("说明")].value = note
    if change:
        change(book)
    book.save(target)
    return target


def statuses(session, rule):
    return [
        r[0]
        for r in session.rows(
            "SELECT status FROM ops.fault__identity WHERE rule_id = ? AND record_key NOT LIKE 'file:%' ORDER BY ALL",
            [rule],
        )
    ]


def test_the_workbook(world, give_back):
    both = {**BAD_SEX, **NO_GUARDIAN}
    wrong = {"id_no": wrong_check(number_of(2))}
    with world.session() as session:
        load(world, session, pupils(GOOD, both, wrong, FORMULA, {"birth_date": "2011-02-30"}))
        issued = give_back(session)
    rows = cells(issued.path)
    assert len(rows) == 4  # one row per record, whatever the number of its faults
    first = rows[0]
    assert first["文件行号"].value == "3"  # the header is row 1
    assert first["级别"].value == "必须更正"
    assert first["性别"].value == "不明"
    assert first["性别"].fill.fgColor.rgb.endswith("F8CBAD")
    problem = first["问题说明"].value.splitlines()
    assert (
        problem[0].startswith("1. 【性别】")
        and "填写“不明”" in problem[0]
        and "可填：未知、男、女" in problem[0]
    )
    assert problem[1].startswith("2. 【") and "监护人" in problem[1]
    assert len(first["处理办法"].value.splitlines()) == 2
    # Texts stay texts, and nothing is a formula.
    for row in rows:
        for cell in row.values():
            assert cell.data_type in ("s", "n", "inlineStr") and (
                cell.value is None or isinstance(cell.value, str)
            )
    text = str([[c.value for c in row.values()] for row in rows])
    assert "HYPERLINK" in text
    # No whole number, name or telephone of a person.
    assert not re.search(r"\d{11}", text)
    for n in range(5):
        assert number_of(n) not in text
    assert "卓玛" not in text and "13999990001" not in text
    # The record that shows a birth date shows less of its number.
    assert re.search(r"635102\*{12}'", text)
    assert re.search(r"635102\*{8}\w{4}'", text)


def test_choices_keys_and_modes(world, give_back):
    with world.session() as session:
        load(world, session, pupils(BAD_SEX, NO_GUARDIAN))
        issued = give_back(session)
        event = session.rows(
            "SELECT event, subject, detail FROM ops.ledger__event ORDER BY seq DESC LIMIT 1"
        )[0]
    book = openpyxl.load_workbook(issued.path)
    rules = book[SHEET].data_validations.dataValidation
    assert [r.formula1.strip('"').split(",") for r in rules] == [list(REPLIES)]
    assert book[KEYS].sheet_state == "veryHidden"
    assert issued.path.stat().st_mode & 0o777 == 0o600
    assert issued.path.parent.stat().st_mode & 0o777 == 0o700
    assert event[:2] == ("return", f"{COUNTY} {PERIOD}") and json.loads(event[2])["purpose"]


@pytest.mark.parametrize("zone", ["releases", "candidates"])
def test_never_inside_a_release(world, give_back, zone):
    with world.session() as session:
        load(world, session, pupils(BAD_SEX))
        with pytest.raises(UsageError):
            give_back(session, out=getattr(world.settings, zone) / "2026-03-abc" / "returns")


def test_a_folder_that_others_can_read_is_not_taken(world, give_back, tmp_path):
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "open").chmod(0o755)
    with world.session() as session:
        load(world, session, pupils(BAD_SEX))
        with pytest.raises(UsageError):
            give_back(session, out=tmp_path / "open")


def test_nothing_to_return(world, give_back):
    with world.session() as session:
        load(world, session, pupils(GOOD))
        session.execute("DELETE FROM ops.fault__identity")
        assert give_back(session) is None


def test_the_circle(world, give_back, tmp_path):
    note = "情况属实，户口簿为证"
    with world.session() as session:
        load(world, session, pupils(BAD_SEX, NO_GUARDIAN, GOOD))
        issued = give_back(session)
        again = give_back(session)  # written twice, told once
        assert (again.return_id, again.round) == (issued.return_id, 1)
        items = {r["级别"].value: r["编号"].value for r in cells(issued.path)}
        choices = {items["必须更正"]: ("已改", None), items["请核实"]: ("属实说明", note)}

        def disorder(book):
            ws = book[SHEET]
            ws.insert_cols(1)
            ws.insert_rows(1)
            ws["B1"] = "填报完成"
            ws.title = "改过名字"

        file = answer(issued.path, tmp_path / "reply.xlsx", choices, disorder)
        found = replies.import_file(session, world.settings, world.keys, file, by=CLERK)
        assert (found.n_replies, found.n_waiting, found.not_understood) == (2, 1, [])
        assert replies.import_file(session, world.settings, world.keys, file, by=CLERK).is_known
        # The words of the note are in the archive only.
        assert note not in str(session.rows("SELECT * FROM ops.fault_reply__fault"))
        # The owner cannot decide on their own reply.
        with pytest.raises(UsageError):
            replies.decide(
                session,
                world.settings,
                issued.return_id,
                accept=True,
                reason="-",
                by=Account("U-County", "prefecture_reviewer", COUNTY[:4]),
            )
        decided = replies.decide(
            session, world.settings, issued.return_id, accept=True, reason="已核", by=REVIEWER
        )
        assert decided == 1 and statuses(session, "RC30") == ["accepted"]
        # The corrected file closes the one; the other is true, stays, and is not returned again.
        load(world, session, pupils(GOOD, NO_GUARDIAN, GOOD))
        assert statuses(session, "RC25") == ["fixed"] and statuses(session, "RC30") == ["accepted"]
        load(world, session, pupils(BAD_SEX, NO_GUARDIAN, GOOD), period="2026-04")
        assert statuses(session, "RC25") == ["open"] and statuses(session, "RC30") == ["accepted"]


def test_rejected_stays_open_and_the_third_return_is_escalated(world, give_back, tmp_path):
    with world.session() as session:
        load(world, session, pupils(NO_GUARDIAN, GOOD))
        for round_no in (1, 2, 3):
            # Each version differs, the fault does not.
            load(world, session, pupils(NO_GUARDIAN, *[GOOD] * round_no))
            issued = give_back(session)
            assert issued.round == round_no
        assert issued.n_escalated == 1
        assert "第 3 次退回" in cells(issued.path)[0]["问题说明"].value
        assert (
            session.value(
                "SELECT count(*) FROM ops.fault_state__fault WHERE is_escalated AND rule_id = 'RC30'"
            )
            == 1
        )
        file = answer(issued.path, tmp_path / "r.xlsx", {"A00001": ("申请豁免", None)})
        assert replies.import_file(session, world.settings, world.keys, file, by=CLERK).n_waiting == 1
        replies.decide(session, world.settings, issued.return_id, accept=False, reason="应补录", by=REVIEWER)
        assert statuses(session, "RC30") == ["open"]
        with pytest.raises(UsageError):
            replies.decide(session, world.settings, issued.return_id, accept=False, reason="x", by=REVIEWER)


def test_strange_replies(world, give_back, tmp_path):
    with world.session() as session:
        load(world, session, pupils(BAD_SEX, NO_GUARDIAN))
        issued = give_back(session)

        def more(book):
            del book[KEYS]  # another program dropped the hidden sheet
            book[SHEET].append(["A09999", *[None] * 40])
            header = [c.value for c in book[SHEET][1]]
            book[SHEET].cell(4, header.index("回复") + 1).value = "已改"

        file = answer(
            issued.path, tmp_path / "r.xlsx", {"A00001": ("下次再说", None), "A00002": ("属实", "无")}, more
        )
        found = replies.import_file(session, world.settings, world.keys, file, by=CLERK)
        assert (found.n_replies, found.n_unknown, found.not_understood) == (1, 1, ["A00001"])

        # Keys of another return are not believed.
        def forge(book):
            book[KEYS]["B2"] = "0123456789abcdef"

        forged = answer(issued.path, tmp_path / "f.xlsx", {"A00001": ("申请豁免", None)}, forge)
        assert replies.import_file(session, world.settings, world.keys, forged, by=CLERK).n_unknown == 1
        (tmp_path / "no.xlsx").write_bytes(b"PK no workbook")
        with pytest.raises(UnreadableError):
            replies.import_file(session, world.settings, world.keys, tmp_path / "no.xlsx", by=CLERK)
        openpyxl.Workbook().save(tmp_path / "other.xlsx")
        with pytest.raises(UsageError):
            replies.import_file(session, world.settings, world.keys, tmp_path / "other.xlsx", by=CLERK)


def test_a_refused_file_is_returned_as_a_whole(world, give_back):
    with world.session() as session:
        load(world, session, pupils(GOOD), n_rows=7)
        issued = give_back(session)
    row = cells(issued.path, "整件问题")[0]
    assert (row["规则"].value, row["级别"].value) == ("RC12", "必须更正")
    assert "7" in row["问题"].value


def test_one_school(world, give_back):
    with world.session() as session:
        load(world, session, pupils(BAD_SEX, {**BAD_SEX, "school_id": "5163000001"}))
        issued = give_back(session, school="5163000001")
        assert issued.n_records == 1
        assert [r["文件行号"].value for r in cells(issued.path)] == ["3"]


def test_nothing_personal_in_the_records(world, give_back, tmp_path, caplog):
    note = "才让·卓玛的电话13999990001"
    rows = pupils(BAD_SEX, NO_GUARDIAN, {"id_no": wrong_check(number_of(2))}, {"student_no": ""})
    with world.session() as session:
        load(world, session, rows)
        issued = give_back(session)
        file = answer(issued.path, tmp_path / "r.xlsx", {"A00001": ("属实说明", note)})
        replies.import_file(session, world.settings, world.keys, file, by=CLERK)
        replies.decide(
            session, world.settings, issued.return_id, accept=True, reason=f"见 {number_of(0)}", by=REVIEWER
        )
    persons = Persons(
        [*(r["id_no"] for r in rows), *(number_of(n) for n in range(4)), "13999990001", "13999990002"],
        ["才让·卓玛"],
    )
    columns, found = persons.in_tables(world.settings.warehouse_file)
    assert columns > 100 and found == {}
    assert persons.in_text(caplog.text) == 0
    # Only the workbooks show persons, masked; the original and the reply lie encrypted.
    assert persons.in_folder(world.settings.archive) == {}
    assert persons.in_text(str([c.value for r in cells(issued.path) for c in r.values()])) == 0
