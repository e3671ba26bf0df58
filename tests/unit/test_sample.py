"""The synthetic province, read back with nothing but the csv module and arithmetic of its own."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path

import duckdb
import pytest

from sample import SOURCES, generate
from sample.arrivals import is_duplicate
from sample.data import counties
from sample.hostile import write_hostile

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
AREAS = {c.code for c in counties()} | {c.old_code for c in counties() if c.old_code}
X1 = "student_registry"
IMPORT_SHEET = """
学校标识码,姓名,性别,出生日期,出生地,籍贯,民族,国籍/地区,身份证件类型,港澳台侨外
健康状况,政治面貌,身份证件号,户口性质,户口所在地,班级,入学年月,入学方式,就读方式,现住址
通信地址,家庭地址,联系电话,邮政编码,是否独生子女,是否受过学前教育,是否留守儿童
是否需要申请资助,是否享受一补,是否孤儿,是否烈士或优抚子女,上下学距离（公里）,上下学交通方式
是否需要乘坐校车,曾用名,身份证件有效期,血型,特长,学籍辅号,班内学号,学生来源,电子信箱
主页地址,残疾类型,是否由政府购买学位,随班就读
"""
MEMBER = "姓名,关系,关系说明,现住址,户口所在地,联系电话,是否监护人,身份证件类型,身份证件号,民族,工作单位,职务"
X1_HEADERS = [
    *IMPORT_SHEET.strip().replace("\n", ",").split(","),
    *(f"成员{n}{what}" for n in (1, 2) for what in MEMBER.split(",")),
    "是否进城务工人员随迁子女",
]
WINDOW = {"小学": (5, 15), "初中": (10, 18), "普通高中": (13, 25)}
GRADES = [
    "一年级",
    "二年级",
    "三年级",
    "四年级",
    "五年级",
    "六年级",
    "七年级",
    "八年级",
    "九年级",
    "高一",
    "高二",
    "高三",
]


def check_character(first17: str) -> str:
    return "10X98765432"[sum(int(c) * w for c, w in zip(first17, WEIGHTS, strict=True)) % 11]


def is_sound_id(text: str) -> bool:
    return bool(re.fullmatch(r"\d{17}[\dX]", text)) and check_character(text[:17]) == text[17]


def age_at(birth: str, year: int) -> int:
    born = date(int(birth[:4]), int(birth[4:6]), int(birth[6:]))
    return year - born.year - ((born.month, born.day) > (8, 31))


def read_table(path: Path) -> list[list[str]]:
    """Records of a delimited file below its header; a title row is one with a single filled cell."""
    data = path.read_bytes()
    if data.startswith(b"\xef\xbb\xbf"):
        text = data.decode("utf-8-sig")
    else:
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            text = data.decode("gb18030")
    text = text.replace(
        ',"原住', ",原住"
    )  # a quote that nothing closes: the csv module would read on to the next one
    rows = list(csv.reader(io.StringIO(text, newline=""), delimiter="\t" if path.suffix == ".xls" else ","))
    while sum(bool(c) for c in rows[0]) == 1:
        rows.pop(0)
    return rows


def read_dicts(path: Path) -> list[dict[str, str]]:
    header, *rows = read_table(path)
    assert all(len(header) <= len(row) <= len(header) + 1 for row in rows)  # one more: its cells are shifted
    return [dict(zip(header, row, strict=False)) for row in rows]


def files(out: Path, source: str, period: str) -> list[Path]:
    return sorted(
        p
        for p in (out / "landing" / source / period).iterdir()
        if not p.name.endswith(".envelope.json") and not is_duplicate(p)
    )


def everyone(out: Path, source: str, period: str) -> list[dict[str, str]]:
    return [row for path in files(out, source, period) for row in read_dicts(path)]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("clean")
    generate(out, scale=0.008, dirt=0, periods=("2025-06", "2025-09"))
    return out


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dirty")
    generate(out, scale=0.02, periods=("2025-09",))
    return out


def test_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    digests = []
    for name in ("a", "b"):
        out = tmp_path / name
        generate(out, scale=0.003, seed=7, periods=("2024-10",))
        digests.append(
            {
                str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest()
                for p in sorted(out.rglob("*"))
                if p.is_file()
            }
        )
    assert digests[0] == digests[1]
    assert {p.split("/")[1] for p in digests[0] if p.startswith("landing")} == set(SOURCES)


def test_a_month_does_not_depend_on_the_months_around_it(tmp_path: Path) -> None:
    wanted = [X1, "school_directory", "preschool_registry"]
    for name, periods in (("alone", ("2023-11",)), ("among", ("2023-05", "2023-11"))):
        generate(tmp_path / name, scale=0.003, periods=periods, sources=wanted, dirt=0)
    for source in wanted:
        for path in files(tmp_path / "alone", source, "2023-11"):
            other = tmp_path / "among" / path.relative_to(tmp_path / "alone")
            assert path.read_bytes() == other.read_bytes(), path.name


def test_envelopes_tell_the_truth(dirty: Path) -> None:
    n = 0
    for path in (p for p in (dirty / "landing").rglob("*") if p.is_file() and "envelope" not in p.name):
        envelope = json.loads(path.with_name(path.name + ".envelope.json").read_text(encoding="utf-8"))
        assert envelope["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert envelope["source"] == path.parent.parent.name
        assert envelope["period"] == path.parent.name
        assert envelope["as_of"] <= envelope["received_on"]
        assert len({envelope["preparer"], envelope["reviewer"], envelope["unit_head"]}) == 3
        if path.suffix != ".xlsx":
            assert envelope["n_rows"] == len(read_dicts(path)), path.name
        n += 1
    assert n == 10 * 45 + 6 + 2 + 2  # two files came twice


def test_registry_has_the_headers_of_the_import_sheet(clean: Path) -> None:
    header = read_table(files(clean, X1, "2025-09")[0])[0]
    assert len(X1_HEADERS) == 71
    assert header == [*X1_HEADERS, "全国学籍号", "学段", "年级", "学籍状态"]


def test_clean_registry_breaks_no_rule(clean: Path) -> None:
    schools = {r["学校标识码"]: r for r in everyone(clean, "school_directory", "2025-09")}
    classes = {
        (r["学校标识码"], r["年级"], r["班号"]): r for r in everyone(clean, "class_directory", "2025-09")
    }
    rows = everyone(clean, X1, "2025-09")
    sizes: Counter[tuple[str, str, str]] = Counter()
    for r in rows:
        number = r["身份证件号"]
        if r["身份证件类型"] == "居民身份证":
            assert is_sound_id(number)
            assert number[6:14] == r["出生日期"]
            assert (int(number[16]) % 2 == 1) == (r["性别"] == "男")
        else:
            assert number == "" and is_sound_id(r["成员1身份证件号"])
        assert re.fullmatch(r"[GJ]\d{17}[\dX]|L\d{18}", r["全国学籍号"])
        low, high = WINDOW[r["学段"]]
        assert low <= age_at(r["出生日期"], 2025) <= high
        assert schools[r["学校标识码"]]["撤销日期"] == ""
        assert "200509" < r["入学年月"] <= "202509"
        assert (r["随班就读"] == "非随班就读") == (r["残疾类型"] == "无残疾") or r["学校标识码"][:2] == "51"
        assert r["成员1姓名"] and r["成员1关系"] and r["成员1联系电话"]
        sizes[r["学校标识码"], r["年级"], r["班级"]] += 1
    for column in ("身份证件号", "全国学籍号"):
        filled = [r[column] for r in rows if r[column]]
        assert len(filled) == len(set(filled))
    assert all(int(classes[key]["班额"]) == n for key, n in sizes.items())


def test_clean_registries_share_no_person(clean: Path) -> None:
    ids = [r["身份证件号"] for s in (X1, "preschool_registry") for r in everyone(clean, s, "2025-09")]
    ids += [r["身份证号"] for r in everyone(clean, "vocational_registry", "2025-09")]
    ids = [i for i in ids if i]
    assert len(ids) == len(set(ids))


def test_clean_poverty_register_breaks_no_rule(clean: Path) -> None:
    households: dict[str, list[dict[str, str]]] = defaultdict(list)
    for r in everyone(clean, "poverty_register", "2025-09"):
        number = r["证件号码"]
        assert len(number) in (18, 20) and is_sound_id(number[:18])
        assert len(number) == 18 or (number[18] in "1234567" and number[19] in "1234")
        assert number[6:14] == r["出生日期"]
        assert (r["文化程度"] == "") != (r["在校生状况"] == "")
        born = int(r["出生日期"][:4])
        if 2009 <= born <= 2018 and r["在校生状况"] == "":
            assert r["义务教育阶段未上学原因"]
        households[r["户编号"]].append(r)
    for members in households.values():
        relations = [m["与户主关系"] for m in members]
        assert relations.count("户主") == 1 and relations.count("配偶") <= 1
        assert {int(m["人数"]) for m in members} == {len(members)}
    numbers = [m["人编号"] for h in households.values() for m in h]
    assert len(numbers) == len(set(numbers))


def test_poor_pupils_are_where_the_poverty_register_says(clean: Path) -> None:
    stage = {r["身份证件号"]: r["学段"] for r in everyone(clean, X1, "2025-09") if r["身份证件号"]}
    states = {r["证件号码"][:18]: r["在校生状况"] for r in everyone(clean, "poverty_register", "2025-09")}
    both = [(stage[i], states[i]) for i in stage if i in states]
    assert len(both) > 500
    for where, state in both:
        expected = {"小学": "小学", "初中": "年级", "普通高中": "普通高中"}[where]
        assert expected in state


def test_clean_graduates_follow_the_cross_rules(clean: Path) -> None:
    keys = Counter()
    for path in files(clean, "graduate_register", "2025-09"):
        for r in read_dicts(path):
            number, code = r.get("身份证号") or r["sfzh"], r.get("毕业去向类别代码") or r["byqxdm"]
            unit, place = r.get("单位名称", r.get("dwmc")), r.get("单位所在地", r.get("dwszd"))
            assert is_sound_id(number)
            keys[number, r.get("毕业年份", r.get("bynf"))] += 1
            assert bool(unit) == bool(place) == (code not in ("70", "71", "72"))
    assert max(keys.values()) == 1


def test_grades_move_up_in_september(clean: Path) -> None:
    before = {r["全国学籍号"]: r["年级"] for r in everyone(clean, X1, "2025-06")}
    after = {r["全国学籍号"]: r["年级"] for r in everyone(clean, X1, "2025-09")}
    repeated = {
        r["全国学籍号"] for r in everyone(clean, "student_change", "2025-09") if r["异动类别码"] == "留级"
    }
    steps = Counter(
        GRADES.index(after[s]) - GRADES.index(g) - (0 if s not in repeated else -1)
        for s, g in before.items()
        if s in after
    )
    assert set(steps) == {1}
    assert "高三" not in {before[s] for s in before if s in after}
    assert sum(g == "一年级" and s not in before for s, g in after.items()) > 500


def test_transfers_come_in_pairs(clean: Path) -> None:
    sides: dict[str, list[str]] = defaultdict(list)
    for r in everyone(clean, "student_change", "2025-09"):
        if r["异动类别码"].startswith("转学") and r["异动去向学校码"]:
            sides[r["全国学籍号"]].append(r["异动类别码"])
            assert "20250805" < r["异动日期"] <= "20250905"
    assert sides and all(sorted(v) == ["转学(转入)", "转学(转出)"] for v in sides.values())


def test_no_real_area_code_in_any_identifier(dirty: Path) -> None:
    found = 0
    for path in (dirty / "landing").rglob("*.csv"):
        for row in read_table(path)[1:]:
            for number in re.findall(r"(?<!\d)\d{17}[\dXx](?!\d)", " ".join(row)):
                found += 1
                assert number[:6] not in AREAS
                assert number[2:4] >= "51"
    assert found > 50_000


def test_totals_agree_with_files_and_ledger(clean: Path, dirty: Path) -> None:
    totals = json.loads((clean / "truth" / "totals.json").read_text(encoding="utf-8"))
    for period in ("2025-06", "2025-09"):
        enrolled = totals["truth"][period]["enrolled"]
        by_stage = {s: sum(n for key, n in enrolled.items() if key[0] == s) for s in "01234"}
        assert totals["rows"][X1][period] == by_stage["1"] + by_stage["2"] + by_stage["3"]
        assert totals["rows"]["preschool_registry"][period] == by_stage["0"]
        assert totals["rows"]["vocational_registry"][period] == by_stage["4"]
        counted = Counter()
        for stages in totals["truth"][period]["by_county"].values():
            counted.update(stages)
        assert dict(counted) == by_stage
    assert not totals["defects"]
    totals = json.loads((dirty / "truth" / "totals.json").read_text(encoding="utf-8"))
    ledger = list(csv.DictReader((dirty / "truth" / "defect.csv").open(encoding="utf-8")))
    assert sum(totals["defects"].values()) == len(ledger)


def test_population_covers_the_pupils(clean: Path) -> None:
    ages: Counter[int] = Counter()
    for r in everyone(clean, "population", "2025-09"):
        assert int(r["男"]) + int(r["女"]) == int(r["合计"])
        if r["年份"] == "2025":
            ages[int(re.match(r"\d+", r["年龄"])[0])] += int(r["合计"])  # type: ignore[index]
    pupils = Counter(r["学段"] for r in everyone(clean, X1, "2025-09"))
    voc = len(everyone(clean, "vocational_registry", "2025-09"))
    small = len(everyone(clean, "preschool_registry", "2025-09"))
    rate = {
        "preschool": small / sum(ages[a] for a in range(3, 6)),
        "primary": pupils["小学"] / sum(ages[a] for a in range(6, 12)),
        "junior": pupils["初中"] / sum(ages[a] for a in range(12, 15)),
        "senior": (pupils["普通高中"] + voc) / sum(ages[a] for a in range(15, 18)),
    }
    assert 0.85 < rate["preschool"] < 0.96
    assert 0.96 < rate["primary"] < 1.02
    assert 0.95 < rate["junior"] < 1.03
    assert 0.87 < rate["senior"] < 0.97


BROKEN = {
    # kind → does this record hold the damage?
    "checksum": lambda r: not is_sound_id(r["身份证件号"]) and len(r["身份证件号"]) == 18,
    "scientific": lambda r: r["身份证件号"].endswith("E+17"),
    "trailing-zeros": lambda r: r["身份证件号"].endswith("000") and not is_sound_id(r["身份证件号"]),
    "birth": lambda r: is_sound_id(r["身份证件号"]) and r["身份证件号"][6:14] != r["出生日期"],
    "parent-id": lambda r: r["身份证件号"] == r["成员2身份证件号"],
    "sex": lambda r: (int(r["身份证件号"][16]) % 2 == 1) != (r["性别"] == "男"),
    "blank-id": lambda r: r["身份证件号"] == "" and r["身份证件类型"] == "居民身份证",
    "no-id-no-guardian": lambda r: not (r["身份证件号"] or r["成员1身份证件号"] or r["成员2身份证件号"]),
    "student-number": lambda r: len(r["全国学籍号"]) == 18,
    "unknown-school": lambda r: r["学校标识码"][4:6] == "99",
    "unknown-ethnic": lambda r: r["民族"] == "河谷族",
    "future-entry": lambda r: r["入学年月"] > "202509",
    "old-entry": lambda r: r["入学年月"] < "200509",
    "no-guardian": lambda r: not r["成员1姓名"],
    "inclusive": lambda r: r["随班就读"] == "视力残疾随班就读" and r["残疾类型"] == "无残疾",
    "inclusive-mismatch": lambda r: r["随班就读"] != "非随班就读" and r["残疾类型"] == "无残疾",
    "age": lambda r: is_sound_id(r["身份证件号"]) and age_at(r["出生日期"], 2025) > WINDOW[r["学段"]][1],
    "apostrophe": lambda r: r["身份证件号"].startswith("'") and is_sound_id(r["身份证件号"][1:]),
    "equals-quote": lambda r: r["全国学籍号"].startswith('="') and r["全国学籍号"].endswith('"'),
    "nbsp": lambda r: r["姓名"].endswith("\u00a0\u200b"),
    "lower-x": lambda r: r["身份证件号"].endswith("x"),
    "full-width": lambda r: r["身份证件号"][0] == "６",
    "name-dot": lambda r: re.search("[•・．‧.]", r["姓名"]),
    "newline": lambda r: "\n" in r["家庭地址"] and '"' in r["家庭地址"],
    "full-bracket": lambda r: "（" in r["班级"],
    "masked-phone": lambda r: "****" in r["联系电话"],
    "lost-zero": lambda r: r["民族"] in set("12346789"),
}
VARIANTS = {
    "学校代码": "学校标识码", "学生姓名": "姓名", "性别码": "性别", "出生年月": "出生日期", "民族码": "民族",
    "身份证号": "身份证件号", "证件类型": "身份证件类型", "班名": "班级", "家庭住址": "家庭地址",
    "是否随班就读": "随班就读", "学籍号": "全国学籍号",
}  # fmt: skip


def ledger_rows(out: Path, source: str) -> list[dict[str, str]]:
    with (out / "truth" / "defect.csv").open(encoding="utf-8", newline="") as handle:
        return [r for r in csv.DictReader(handle) if r["source"] == source]


def test_ledger_points_at_the_damage_and_nothing_else_is_damaged(dirty: Path) -> None:
    seen: dict[str, set[tuple[str, int]]] = defaultdict(set)
    spoiled: dict[tuple[str, int], str] = {}
    for r in ledger_rows(dirty, X1):
        if r["row_no"]:
            where = (r["file"], int(r["row_no"]))
            assert where not in spoiled, "one row, one defect"
            spoiled[where] = r["kind"]
            seen[r["kind"]].add(where)
    assert set(BROKEN) <= set(seen)
    assert all(len(v) >= 3 for v in seen.values())
    for path in files(dirty, X1, "2025-09"):
        if path.suffix == ".xlsx":
            continue
        rows = [{VARIANTS.get(k, k): v for k, v in r.items()} for r in read_dicts(path)]
        fatal = 0
        for row_no, r in enumerate(rows, start=1):
            kind = spoiled.get((path.name, row_no))
            if kind in BROKEN:
                assert BROKEN[kind](r), (kind, path.name, row_no)
            if kind is None:
                assert is_sound_id(r["身份证件号"]) or r["身份证件类型"] == "其他"
                assert r["身份证件号"][6:14] in (r["出生日期"], "")
        fatal = sum(
            r["severity"] != "repair" and bool(r["row_no"]) and r["file"] == path.name
            for r in ledger_rows(dirty, X1)
        )
        assert fatal <= 0.015 * len(rows), path.name


def test_double_enrolment_is_in_two_places(dirty: Path) -> None:
    pairs: dict[str, list[dict[str, str]]] = defaultdict(list)
    for r in ledger_rows(dirty, X1):
        if r["kind"] in ("double", "repeated-row"):
            pairs[r["kind"] + r["person_id"]].append(r)
    assert len(pairs) >= 6
    assert all(len(v) == 2 and v[0]["rules"] == "RP04" for v in pairs.values())


def test_truth_rows_match_the_files(dirty: Path) -> None:
    truth = dirty / "truth"
    con = duckdb.connect()
    rows = con.execute(
        f"SELECT r.file, r.row_no, p.name FROM '{truth}/row.parquet' r JOIN '{truth}/person.parquet' p USING (person_id)"
        " WHERE source = 'preschool_registry' ORDER BY ALL"
    ).fetchall()
    names = {(f, n): name for f, n, name in rows}
    dirty_rows = {(r["file"], r["row_no"]) for r in ledger_rows(dirty, "preschool_registry")}
    for path in files(dirty, "preschool_registry", "2025-09"):
        for row_no, r in enumerate(read_dicts(path), start=1):
            if (path.name, str(row_no)) not in dirty_rows:
                assert r.get("幼儿姓名", r.get("姓名")) == names[path.name, row_no]


def test_workbooks_hold_titles_and_footers(dirty: Path) -> None:
    import openpyxl

    books = [p for p in files(dirty, X1, "2025-09") if p.suffix == ".xlsx"]
    assert len(books) == 2
    for path in books:
        sheet = openpyxl.load_workbook(path, read_only=True).worksheets[0]
        rows = list(sheet.iter_rows(values_only=True))
        envelope = json.loads(path.with_name(path.name + ".envelope.json").read_text(encoding="utf-8"))
        assert rows[0][0] == "中小学生学籍信息表"
        assert rows[2][0] == "学校标识码"
        assert rows[-2][0] == "合计" and rows[-1][0] == "填表人："
        assert len(rows) - 5 == envelope["n_rows"]


def test_bad_arguments_are_refused(tmp_path: Path) -> None:
    for arguments in ({"periods": ("2016-08",)}, {"periods": ()}, {"scale": 0.0}, {"sources": ("nothing",)}):
        with pytest.raises(ValueError):
            generate(tmp_path / "x", **arguments)  # type: ignore[arg-type]
    assert not (tmp_path / "x").exists()


def test_hostile_files_have_sound_envelopes(tmp_path: Path) -> None:
    cases = write_hostile(tmp_path)
    assert len({c.owner for c in cases}) == len(cases) >= 13
    assert {c.expected for c in cases} == {"refused", "accepted"}
    for case in cases:
        envelope = json.loads(
            case.path.with_name(case.path.name + ".envelope.json").read_text(encoding="utf-8")
        )
        assert envelope["sha256"] == hashlib.sha256(case.path.read_bytes()).hexdigest()
        assert envelope["owner"] == case.owner
