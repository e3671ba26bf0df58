import duckdb
import pytest
import yaml

from warehouse.contract import CONTRACTS, load_contracts, normalise_header
from warehouse.reference import load_reference, rows

EXTRACTS = load_contracts("extracts")
COLUMNS = [(source, column) for source, contract in EXTRACTS.items() for column in contract.columns]
NAMESPACES = {"sfz", "xj", "fp", "fph", "cj", "by", "zz"}


def _headers(text):
    return text.split()


REGISTRY_SHEET = _headers("""
学校标识码 姓名 性别 出生日期 出生地 籍贯 民族 国籍/地区 身份证件类型 港澳台侨外 健康状况 政治面貌
身份证件号 户口性质 户口所在地 班级 入学年月 入学方式 就读方式 现住址 通信地址 家庭地址 联系电话
邮政编码 是否独生子女 是否受过学前教育 是否留守儿童 是否需要申请资助 是否享受一补 是否孤儿
是否烈士或优抚子女 上下学距离（公里） 上下学交通方式 是否需要乘坐校车 曾用名 身份证件有效期 血型
特长 学籍辅号 班内学号 学生来源 电子信箱 主页地址 残疾类型 是否由政府购买学位 随班就读 成员1姓名
成员1关系 成员1关系说明 成员1现住址 成员1户口所在地 成员1联系电话 成员1是否监护人 成员1身份证件类型
成员1身份证件号 成员1民族 成员1工作单位 成员1职务 成员2姓名 成员2关系 成员2关系说明 成员2现住址
成员2户口所在地 成员2联系电话 成员2是否监护人 成员2身份证件类型 成员2身份证件号 成员2民族
成员2工作单位 成员2职务 是否进城务工人员随迁子女
""")
EXPORT_ONLY = ["全国学籍号", "学段", "年级", "学籍状态", "学籍审核状态", "问题学籍类型"]

# as exported in 2024, with the identity number delivered as an extra
GRADUATES_2024 = _headers("""
学号 姓名 性别 生源地名称 生源地代码 民族名称 政治面貌 城乡生源 学历层次 专业名称 专业方向 专业代码
入学年月 毕业日期 培养方式 委培单位 学习形式 毕业去向类别代码 毕业去向 签约日期 单位名称
统一社会信用代码 留学国家地区 留学院校中文名称 留学院校外文名称 单位性质代码 单位性质 单位行业代码
单位行业 单位所在地代码 单位所在地 单位地址 工作职位类别代码 工作职位类别 毕业年份 身份证号
""")
GRADUATES_DBASE = _headers("""
ksh sfzh xm xb xbdm mz mzdm zzmm zzmmdm yxdm yxmc zydm zymc xl xldm syszd syszddm pyfs pyfsdm byrq
rxsj rxfsdm dxwpdw zylb sfslb sfslbdm knslb knslbdm cxsy szyx szbj xh bz byqxdm dwmc dwzzjgdm dwxzdm
dwhydm dwszddm gzzwlbdm
""")
POVERTY_26 = _headers("""
县(市、区、旗) 乡(镇) 行政村 自然村 户编号 人编号 姓名 证件号码 人数 与户主关系 民族 文化程度
在校生状况 健康状况 劳动技能 务工状况 务工时间（月） 参加大病医疗 脱贫属性 脱贫年度 贫困户属性
主要致贫原因 危房户 饮水安全 饮水困难 人均纯收入 联系电话
""")
VOCATIONAL = _headers("""
身份证号 姓名 性别 民族 年级 入学年月 招生类型 修读专业 学制 班级 联招合作类型 联招合作学校机构代码
户籍所在省 户籍所在市 户籍所在区县 详细地址 户籍性质 是否低保 是否享受国家助学金 月发放标准(元)
学校类型 生源类别 家长(监护人)姓名 家长(监护人)电话 教学点名称 健康情况 现家庭所在省 现家庭所在市
现家庭所在区县 现家庭所在详细地址 专业目录版本 学生类别 出生日期 校内学号 学生本人联系电话 邮政编码
省级电子注册学籍号 曾用名 政治面貌 籍贯 港澳台侨胞 毕业学校 电子邮箱 中职学生资助卡号 备注
""")


def test_every_extract_has_its_contract():
    assert sorted({c.product for c in EXTRACTS.values()}, key=lambda p: int(p[1:])) == [
        f"X{n}" for n in range(1, 13)
    ]
    for contract in EXTRACTS.values():
        assert contract.table.startswith(f"raw.{contract.id}__")
        assert contract.properties["ownerLevel"] in {"county", "college", "province"}
        assert contract.properties["inForce"] in {"same_period", "latest", "cohort"}
        assert contract.properties["shareType"] in {"无条件共享", "有条件共享", "不予共享"}
        assert contract.properties["retentionYears"] > 0
        assert contract.properties["legalBasis"] and contract.properties["purpose"]
        assert contract.key


def test_student_registry_is_the_sheet_of_the_system():
    assert len(REGISTRY_SHEET) == 71
    contract = EXTRACTS["student_registry"]
    assert [c.header for c in contract.columns] == REGISTRY_SHEET + EXPORT_ONLY
    assert {c.name for c in contract.columns if c.required} == {
        *("school_id", "name", "sex_code", "birth_date", "ethnic_code", "id_type_code", "id_no"),
        *("hukou_county_code", "entry_month", "grade_code", "class_label", "student_no", "status_code"),
    }


def test_student_registry_variants():
    contract = EXTRACTS["student_registry"]
    for variant, name in (
        ("学校（机构）标识码", "school_id"),
        ("★身份证件\n号码 *", "id_no"),
        ("户口所在地行政区划", "hukou_county_code"),
        ("国网学籍号", "student_no"),
        ("上下学距离(km)", "dist_km"),
        ("住宿", "boarding_code"),
        ("CSRQ", "birth_date"),
    ):
        match = contract.match_header([variant])
        assert [c.name for c in match.mapping.values()] == [name]


@pytest.mark.parametrize("header", [GRADUATES_2024, GRADUATES_DBASE], ids=["2024", "dbase"])
def test_both_layouts_of_the_graduate_register_match(header):
    match = EXTRACTS["graduate_register"].match_header(header)
    assert (match.missing, match.unknown, match.duplicated) == ((), (), ())
    assert len(match.mapping) == len(header)


def test_poverty_register_matches_the_export_of_26_columns():
    match = EXTRACTS["poverty_register"].match_header(POVERTY_26)
    assert (match.missing, match.unknown, match.duplicated) == ((), (), ())


def test_vocational_registry_matches_the_template_in_any_order():
    header = [*reversed(VOCATIONAL), "学校标识码"]
    match = EXTRACTS["vocational_registry"].match_header(header)
    assert (match.missing, match.unknown, match.duplicated) == ((), (), ())


def test_code_lists_exist():
    con = duckdb.connect()
    load_reference(con)
    lists = {row[0] for row in con.execute("SELECT DISTINCT list_id FROM ref.code_list").fetchall()}
    used = {c.properties["codeList"] for _, c in COLUMNS if "codeList" in c.properties}
    assert used <= lists
    for source, column in COLUMNS:
        if column.kind == "code":
            assert ("codeList" in column.properties) != ("pattern" in column.properties), (
                source,
                column.name,
            )
        if column.kind == "grade":
            assert column.properties["codeList"] == "grade"
        if column.properties.get("unknownAs"):
            sql = "SELECT count(*) FROM ref.code_list WHERE list_id = ? AND code = ?"
            parameters = [column.properties["codeList"], column.properties["unknownAs"]]
            assert con.execute(sql, parameters).fetchone() == (1,), (source, column.name)


def test_nothing_personal_is_free_text_in_the_warehouse():
    typed = {
        "code",
        "flag",
        "integer",
        "decimal",
        "date",
        "month",
        "school_id",
        "county",
        "grade",
        "class_label",
    }
    public_names = {("school_directory", "school_name")}
    for source, column in COLUMNS:
        if column.zone == "raw":
            assert column.kind in typed or (source, column.name) in public_names, (source, column.name)


def test_identifiers_are_tokens_of_a_known_namespace():
    for source, column in COLUMNS:
        if column.zone == "token":
            assert column.properties["namespace"] in NAMESPACES, (source, column.name)
        if column.kind in {"citizen_id", "student_no"}:
            assert column.zone == "token", (source, column.name)
        if column.kind == "citizen_id":
            assert (column.properties["namespace"], column.tier) == ("sfz", "L4")
        if column.kind in {"name", "phone"}:
            assert column.zone in {"vault", "drop"}, (source, column.name)


def test_blacklisted_headers_are_never_stored():
    black = {normalise_header(row["header_zh"]) for row in rows("blacklist")}
    assert {
        normalise_header(h) for h in ("血型", "特长", "宗教", "照片", "指纹", "电子信箱", "银行卡号")
    } <= black
    for source, column in COLUMNS:
        headers = {normalise_header(h) for h in (column.header, *column.aliases)}
        if headers & black:
            assert column.zone == "drop", (source, column.name)
        elif column.zone == "drop":
            assert column.name == "class_teacher", (source, column.name)


def test_sensitive_columns_have_the_highest_grade():
    for source, column in COLUMNS:
        name = column.name
        if name.startswith(("guardian", "addr_", "disability")) or "health" in name or "phone" in name:
            assert column.tier == "L4", (source, name)


def test_sources_are_registered():
    for table in ("source_register", "notice_register"):
        assert {r["source"] for r in rows(table)} == set(EXTRACTS)
    for row in rows("source_register"):
        contract = EXTRACTS[row["source"]]
        assert (row["product"], row["owner_unit"]) == (contract.product, contract.owner)
        assert (row["legal_basis"], row["purpose"]) == (
            contract.properties["legalBasis"],
            contract.properties["purpose"],
        )


def test_files_are_one_column_a_line():
    """The contracts stay readable and their changes reviewable."""
    for file in (CONTRACTS / "extracts").glob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        document = yaml.safe_load(text)
        assert text.count("\n      - {name: ") == len(document["schema"][0]["properties"])
