"""The macros that read a cell: hand-written vectors from the dirt catalogue, and properties that hold for every text."""

import string
from datetime import date, timedelta
from decimal import Decimal

import duckdb
import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from rules.valid_rows import check_character, citizen_id, damaged

from expectations.collection import RULES
from warehouse.engine.duckdb import SQL, Session
from warehouse.intake.lookups import install_lookups, lookup
from warehouse.pseudonym import install, token
from warehouse.reference import load_reference

FAST = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
KEY = bytes(range(32))
FULL = str.maketrans({chr(c): chr(c + 0xFEE0) for c in range(0x21, 0x7F)})


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    con = duckdb.connect()
    con.execute("ATTACH ':memory:' AS work")
    con.execute("SET threads = 1")
    load_reference(con)
    session = Session(con, tmp_path_factory.mktemp("work"))
    session.script(SQL / "collection" / "clean.sql")
    install_lookups(session)
    install(session, KEY)
    yield session
    con.close()


@pytest.fixture(scope="module")
def call(session):
    """Call a macro by name."""

    def run(macro, *values):
        return session.value(f"SELECT {macro}({', '.join('?' * len(values))})", list(values))

    return run


# ---------------------------------------- vectors


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("'630104201103150015", "630104201103150015"),
        ('="630104201103150015"', "630104201103150015"),
        ('="630104"\t', "630104"),
        (' ="630104" ', "630104"),
        ("630104\t", "630104"),
        ("\xa0630104\xa0", "630104"),
        ("\u200b630104\u200d\ufeff", "630104"),
        ("\u3000张三\u3000", "张三"),
        ("' 630104", "630104"),
        ("'", None),
        ("", None),
        (" \t\u3000", None),
        ('=""', None),
        ("６３０１０４（１）班，Ａｚ", "630104(1)班,Az"),
        ('＝"12"', "12"),
        (None, None),
    ],
)
def test_d04_d06_d26_cells(call, text, expected):
    assert call("clean_cell", text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "无",
        "不详",
        "暂无",
        "未知",
        "/",
        "-",
        "--",
        "—",
        "NULL",
        "#N/A",
        "000000",
        "19000101",
        "1" * 18,
        "",
        " ",
        "１９０００１０１",
        "'无",
        None,
    ],
)
def test_d22_placeholders_are_nothing(call, text):
    assert call("is_blank", text) is True
    assert call("read_name", text) is None
    assert call("read_citizen_id", text) is None


@pytest.mark.parametrize("text", ["吴", "0", "否", "无名", "00", "19000102", "000001"])
def test_d22_what_only_looks_like_a_placeholder(call, text):
    assert call("is_blank", text) is False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("20110315", date(2011, 3, 15)),
        ("2011-03-15", date(2011, 3, 15)),
        ("2011/3/5", date(2011, 3, 5)),
        ("2011.3.5", date(2011, 3, 5)),
        ("2011年3月5日", date(2011, 3, 5)),
        ("２０１１年３月５日", date(2011, 3, 5)),
        ("2011年3月5", date(2011, 3, 5)),
        ("40617", date(2011, 3, 15)),
        ("40617.0", date(2011, 3, 15)),
        ("2011-03-15 00:00:00", date(2011, 3, 15)),
        ("2011-03-15T00:00:00.000", date(2011, 3, 15)),
        ("15/03/2011", date(2011, 3, 15)),
        ("2012-02-29", date(2012, 2, 29)),
        ("2011-02-29", None),
        ("2011-02-30", None),
        ("20110230", None),
        ("2011-13-01", None),
        ("31/02/2011", None),
        ("2011年2月30日", None),
        ("00000000", None),
        ("201103", None),  # a month is no day
        ("2011", None),
        ("03/04/2011", None),  # the third of April or the fourth of March: nobody knows
        ("5/3/2011", None),
        ("二〇一一年三月五日", None),
        ("20110315001", None),
        ("去年", None),
        ("", None),
        (None, None),
    ],
)
def test_d11_dates(call, text, expected):
    assert call("read_date", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("202109", "2021-09"),
        ("2021-09", "2021-09"),
        ("2021.9", "2021-09"),
        ("2021/9", "2021-09"),
        ("2021年9月", "2021-09"),
        ("20210901", "2021-09"),
        ("2021-09-01 00:00:00", "2021-09"),
        ("44440", "2021-09"),
        ("202113", None),
        ("202100", None),
        ("2021", None),
        ("189909", None),
        ("20210931", None),
    ],
)
def test_d11_months(call, text, expected):
    assert call("read_month", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((t, True) for t in ("是", "1", "Y", "y", "YES", "√", "有", "对", "true", "１", "'是")),
        *((t, False) for t in ("否", "0", "N", "no", "×", "无", "没有", "false", "０")),
        *((t, None) for t in ("", None, "可能", "2", "-", "不详", "是否")),
    ],
)
def test_d20_flags_and_blank_is_not_no(call, text, expected):
    assert call("read_flag", text) is expected


@pytest.mark.parametrize(
    ("text", "integer", "decimal"),
    [
        ("1,000", 1000, Decimal("1000.00")),
        ("1,000.00元", 1000, Decimal("1000.00")),
        ("１，０００．００元", 1000, Decimal("1000.00")),
        ("1,234,567", 1234567, Decimal("1234567.00")),
        ("12.50", None, Decimal("12.50")),
        ("12.50 元", None, Decimal("12.50")),
        ("-3", -3, Decimal("-3.00")),
        ("0", 0, Decimal("0.00")),
        ("45人", 45, None),
        ("3公里", 3, None),
        ("1,5", None, None),  # a decimal comma or a lost digit
        ("1,00", None, None),
        ("12,34,567", None, None),
        ("1.2万元", None, Decimal("12000.00")),
        ("0.1万", None, None),
        ("壹仟", None, None),
        ("约100", None, None),
        ("1e3", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_d23_amounts_and_counts(call, text, integer, decimal):
    assert call("read_integer", text) == integer
    assert call("read_decimal", text) == decimal


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("壹仟元整", 1000), ("壹仟贰佰叁拾肆元整", 1234), ("一万二千元", 12000), ("拾万元", 100000), ("十二万零五元", 120005),
        ("贰佰圆", 200), ("一百零三块", 103), ("壹仟", None), ("元", None), ("百千元", None), ("五六元", None), ("一万元二千", None),
        ("0.12万元", 1200), ("1,200万元", 12000000), ("万元", None),
    ],
)  # fmt: skip
def test_d23_words_of_money(call, text, expected):
    assert call("read_decimal", text) == (None if expected is None else Decimal(expected))


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("13999990001", True), ("１３９９９９９０００１", True), ("+86 139-9999-0001", True), ("0971-1234567", True), ("8123456", True),
        ("13999990001/0971-1234567", True), ("13999990001、15000000009", True), ("138****1234", False), ("13800000000", False),
        ("13800138000", False), ("1399999000", False), ("12345678901", False), ("手机", False), ("13999990001/13800000000", False),
    ],
)  # fmt: skip
def test_d21_telephones(call, text, valid):
    assert call("is_phone", text) is valid


@pytest.mark.parametrize(
    ("macro", "text", "expected"),
    [
        ("dirt_of_identifier", "'630104201103150015", "D04"), ("dirt_of_identifier", "６３０", "D06"), ("dirt_of_identifier", "63010x", "D06"),
        ("dirt_of_identifier", "110105491231002", "D07"), ("dirt_of_name", "才让•卓玛", "D09"), ("dirt_of_name", "张\u3000三", "D10"),
        ("dirt_of_name", "张三\xa0\u200b", "D04"), ("dirt_of_name", "张䶮", "D02"), ("dirt_of_name", "无", "D22"),
        ("dirt_of_date", "20110315", None), ("dirt_of_date", "2011-03-15", "D11"), ("dirt_of_month", "2011-03", None),
        ("dirt_of_month", "2011年3月", "D11"), ("dirt_of_flag", "是", None), ("dirt_of_flag", "√", "D20"), ("dirt_of_number", "12.5", None),
        ("dirt_of_number", "1,000元", "D23"), ("dirt_of_grade", "三年级", None), ("dirt_of_grade", "小三", "D17"),
        ("dirt_of_label", "2014级(1)班", None), ("dirt_of_label", "2014级（1）班", "D26"),
    ],
)  # fmt: skip
def test_the_dirt_of_a_cell_has_a_name(call, macro, text, expected):
    assert call(macro, text) == expected


@pytest.mark.parametrize("dot", [*"·•・‧∙.．。-", " · ", " ·", "－"])
def test_d09_one_form_of_the_dot(call, dot):
    assert call("read_name", f"才让{dot}卓玛") == "才让·卓玛"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("张 三", "张三"),
        ("张\u3000三", "张三"),
        ("张\xa0三", "张三"),
        ("张\u200b三", "张三"),
        ("　卓玛　", "卓玛"),
        ("John Smith", "John Smith"),
        ("John   Smith", "John Smith"),
        ("䶮", "䶮"),
        ("𬭎 𬭎", "𬭎𬭎"),
    ],
)
def test_d10_spaces_in_names(call, text, expected):
    assert call("read_name", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2014级1班", "2014级1班"),
        ("2014级（1）班", "2014级1班"),
        ("(1)班", "1班"),
        ("１班", "1班"),
        ("1", "1"),
        ("三（2）班", "三2班"),
        ("三年级2班", "三年级2班"),
        ("七年级二班", "七年级二班"),
        ("高一(12)班", "高一12班"),
        ("小 1 班", "小1班"),
        ("混龄1班", "混龄1班"),
        ("阳光班", None),
        ("张老师班", None),
        ("13999990001", None),
        ("2014级", None),
    ],
)
def test_d26_class_labels_are_never_free_text(call, text, expected):
    assert call("read_class_label", text) == expected


@pytest.mark.parametrize(
    ("text", "stage", "year", "expected"),
    [
        ("一年级", "10", 2025, "11"),
        ("一年级", "20", 2025, "21"),
        ("一年级", "31", 2025, "31"),
        ("一年级", "32", 2025, "V1"),
        ("一年级", None, 2025, "11"),
        ("小一", None, 2025, "11"),
        ("小学一年级", "10", 2025, "11"),
        ("七年级", "20", 2025, "21"),
        ("七年级", None, 2025, "21"),
        ("初一", None, 2025, "21"),
        ("高一", "31", 2025, "31"),
        ("2021级", "10", 2025, "15"),
        ("2021", "10", 2025, "15"),
        ("2021级", "10", 2021, "11"),
        ("2025级", "20", 2025, "21"),
        ("2021级", None, 2025, None),  # of which stage?
        ("2010级", "10", 2025, None),
        ("学前班", "00", 2025, "P3"),
        ("大班", None, 2025, "P3"),
        ("２０２１级", "10", 2025, "15"),
        ("九十年级", "10", 2025, None),
        ("", "10", 2025, None),
    ],
)
def test_d17_grades_are_read_with_their_stage(call, text, stage, year, expected):
    assert call("read_grade", text, stage, year) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("630102", "630102"),
        ("630102.0", "630102"),
        ("630102001001", "630102"),
        ("６３０１０２", "630102"),
        ("城东区", "630102"),
        ("西宁市城东区", "630102"),
        ("青海省西宁市城东区", "630102"),
        ("青海省 西宁市 湟中区", "630106"),
        ("湟中县", "630122"),
        ("630122", "630122"),  # a former code is what was registered; the crosswalk maps it later
        ("河南县", "632324"),
        ("河南蒙古族自治县", "632324"),
        ("玉树市", "632701"),
        ("民和县", "630222"),
        ("河南省", None),
        ("海南省", None),
        ("海南州", None),
        ("其它区", None),
        ("63010", None),
        ("长安县", None),
        ("", None),
    ],
)
def test_d16_counties(call, text, expected):
    assert call("read_county", text) == expected


@pytest.mark.parametrize(
    ("list_id", "text", "expected"),
    [
        ("ethnic", "01", "01"),
        ("ethnic", "1", "01"),  # D19
        ("ethnic", "1.0", None),
        ("ethnic", "藏族", "04"),
        ("ethnic", "撒拉族", "35"),
        ("ethnic", "火星族", None),
        ("sex", "男", "1"),
        ("sex", "１", "1"),
        ("id_type", "身份证", "1"),
        ("id_type", "a", "A"),
        ("gatqw_voc", "无", "0"),
    ],
)
def test_d18_d19_codes(session, list_id, text, expected):
    assert session.value(f"SELECT {lookup(list_id, 'src')} FROM (SELECT ? AS src)", [text]) == expected


# ---------------------------------------- citizen ids


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("11010519491231002X", True),
        ("440524188001010014", True),
        ("360426199101010071", True),
        ("110105194912310021", False),
        ("110105491231002", False),  # fifteen digits: never accepted, never converted
        ("１１０１０５１９４９１２３１００２Ｘ", True),
        ("11010519491231002x", True),
        ("11010519491231002×", True),
        ("11010519491231002*", True),
        ("11010519491231002＊", True),
        ("'11010519491231002X\t", True),
        ('="11010519491231002X"', True),
        ("110105 19491231 002X", True),
        ("110105-19491231-002X", True),
        ("1101051949123100*X", False),
        ("11010519491331002X", False),
        ("X1010519491231002X", False),
        ("11010519491231002XX", False),
    ],
)
def test_citizen_ids(call, text, valid):
    assert bool(call("is_citizen_id", call("read_citizen_id", text))) is valid


def test_a_star_is_an_x_only_if_the_check_then_holds(call):
    assert call("is_citizen_id", call("read_citizen_id", "44052418800101001*")) is False


def test_an_impossible_birthday_with_a_right_check_character_is_no_id(call):
    for birth in ("20110230", "20111301", "20110100", "00000101"):
        assert not call("is_citizen_id", citizen_id(birth, 1)), birth


def test_area_codes_are_not_part_of_the_verdict(call):
    """632857 大柴旦, 630203 with a birth before 2015: registered later, or elsewhere; a warning at most."""
    for area, birth in (
        ("632857", "20100101"),
        ("630203", "20080101"),
        ("632701", "20100101"),
        ("999999", "20100101"),
    ):
        assert call("is_citizen_id", citizen_id(birth, 1, area)), area


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("6.30104E+17", True),
        ("6.30104e+17", True),
        ("6E+17", True),
        ("６．３０１０４Ｅ＋１７", True),
        ("'6.30104E+17", True),
        (damaged("635102201503150016"), True),
        ("630104201103150000", True),
        ("11010519491231002X", False),
        ("63510220150315001", False),
        ("E12345678", False),
    ],
)
def test_d05_what_a_spreadsheet_leaves(call, text, expected):
    assert call("is_excel_damaged", call("read_citizen_id", text)) is expected


def test_d05_a_right_number_that_ends_in_000_is_not_damaged(call):
    right = [
        n
        for s in range(100, 1000, 100)
        for d in range(1, 29)
        if (n := citizen_id(f"201501{d:02d}", s)).endswith("000")
    ]
    assert right
    assert not any(call("is_excel_damaged", n) for n in right)


births = st.dates(date(1901, 1, 1), date(2026, 12, 31)).map(lambda d: f"{d:%Y%m%d}")
ids = st.builds(
    lambda a, b, s: citizen_id(b, s, str(a)), st.integers(110000, 659999), births, st.integers(0, 999)
)


@FAST
@given(ids)
def test_every_right_number_is_accepted(call, number):
    assert call("is_citizen_id", number) is True
    assert call("citizen_birth_date", number) == date(
        int(number[6:10]), int(number[10:12]), int(number[12:14])
    )
    assert call("digit_at", number, 17) == int(number[16])
    dirty = f"'{number.lower().translate(FULL)}\t"
    assert call("read_citizen_id", dirty) == number


@FAST
@given(ids, st.integers(0, 17), st.sampled_from(string.digits + "X"))
def test_any_other_character_anywhere_is_rejected(call, number, place, other):
    assume(number[place] != other)
    assert call("is_citizen_id", number[:place] + other + number[place + 1 :]) is False


@FAST
@given(ids, st.integers(0, 16))
def test_any_two_neighbours_swapped_are_rejected(call, number, place):
    a, b = number[place], number[place + 1]
    assume(a != b)
    assert call("is_citizen_id", number[:place] + b + a + number[place + 2 :]) is False


def test_the_closed_form_of_these_tests_agrees_with_the_published_examples():
    for number in ("11010519491231002X", "440524188001010014", "360426199101010071"):
        assert check_character(number[:17]) == number[17]


# ---------------------------------------- student numbers


_STUDENT_NO = next(r for r in RULES if r.id == "RC22").checks[0].expectation["kwargs"]["regex"]


@FAST
@given(ids, st.sampled_from("GJ"))
def test_student_numbers_of_both_formal_kinds(call, session, number, letter):
    read = call("read_identifier", f"{letter.lower()}{number.lower()} ")
    assert session.value("SELECT regexp_matches(?, ?)", [read, _STUDENT_NO]) is True


@FAST
@given(st.text(string.digits + string.ascii_letters + "－ ", max_size=24))
def test_student_numbers_have_no_other_form(session, text):
    formal = (
        len(text) == 19
        and text[0] in "GJ"
        and text[1:18].isdigit()
        and (text[18].isdigit() or text[18] == "X")
    )
    temporary = len(text) == 19 and text[0] == "L" and text[1:].isdigit()
    assert session.value("SELECT regexp_matches(?, ?)", [text, _STUDENT_NO]) is (formal or temporary)


# ---------------------------------------- properties of reading

any_text = st.text(st.characters(codec="utf-8"), max_size=40)
dirty_text = st.text(
    st.sampled_from(
        [*"0189XxＸ×*·•。.-— ='\"\t\n\r\u3000\xa0\u200b\ufeff（）()，,、张三才让Aa班级年月日无元"]
    ),
    max_size=16,
)


@settings(FAST, max_examples=40)
@given(st.dates(date(1930, 1, 1), date(2080, 12, 31)))
def test_a_date_is_the_same_in_every_form(call, day):
    serial = (day - date(1899, 12, 30)).days
    forms = [
        f"{day:%Y%m%d}",
        f"{day:%Y-%m-%d}",
        f"{day.year}/{day.month}/{day.day}",
        f"{day.year}.{day.month}.{day.day}",
        f"{day.year}年{day.month}月{day.day}日",
        f"{day:%Y-%m-%d} 00:00:00",
        f"{day:%Y-%m-%d}".translate(FULL),
        str(serial),
        f" '{day:%Y%m%d}\t",
    ]
    if day.day > 12:
        forms.append(f"{day:%d/%m/%Y}")
    assert {call("read_date", form) for form in forms} == {day}
    assert {call("read_month", form) for form in forms} == {f"{day:%Y-%m}"}


@FAST
@given(st.integers(1930, 2080), st.integers(0, 99), st.integers(0, 99))
def test_a_day_that_does_not_exist_is_never_moved(call, year, month, day):
    try:
        expected = date(year, month, day)
    except ValueError:
        expected = None
    assert call("read_date", f"{year}{month:02d}{day:02d}") == expected
    assert call("read_date", f"{year}-{month}-{day}") == expected


@settings(FAST, max_examples=200)
@example("' 1")
@example("'\u3000'1")
@example('="1" ')
@given(dirty_text | any_text)
def test_cleaning_twice_is_cleaning_once(call, text):
    once = call("clean_cell", text)
    assert call("clean_cell", once) == once
    assert once is None or once != ""


@settings(FAST, max_examples=200)
@given(dirty_text | any_text)
def test_reading_a_name_twice_is_reading_it_once(call, text):
    once = call("read_name", text)
    again = call("read_name", once)
    assert again == once or (again is None and call("is_blank", once))


@FAST
@given(any_text, st.sampled_from(["sfz", "xj", "fp", "fph", "by", "zz", "cj"]))
@example("", "sfz")
@example("䶮𬭎\u0000", "xj")
def test_the_token_of_the_engine_is_that_of_python(call, text, namespace):
    assert call("token", namespace, text) == token(KEY, namespace, text)


def test_tokens_of_different_namespaces_and_of_nothing(call):
    number = "11010519491231002X"
    assert call("token", "sfz", None) is None
    assert len({call("token", namespace, number) for namespace in ("sfz", "xj", "by")}) == 3


@settings(FAST, max_examples=60)
@given(any_text | dirty_text)
def test_no_text_whatever_stops_a_reader(call, text):
    for macro in ("read_date", "read_month", "read_flag", "read_integer", "read_decimal", "read_identifier", "read_citizen_id",
                  "read_name", "read_class_label", "read_county", "is_blank", "code_text"):  # fmt: skip
        call(macro, text)
    call("read_grade", text, "10", 2025)
    call("is_citizen_id", text)


def test_serials_of_the_other_calendar_are_read_as_they_stand(call):
    """39155 in the calendar of 1904 is 2011-03-15: nothing in the cell says so; the age rules must notice it."""
    assert call("read_date", "39155") == date(2011, 3, 15) - timedelta(days=1462)


def test_several_options_in_a_cell_are_kept_once(world):
    from rules.valid_rows import rows_of

    texts = ["汽修、护理", "烹饪/拉面", "唐卡/热贡艺术；电商", "挖掘机，汽修 , 护理", "无"]
    world.put(
        "two_later_survey",
        [r for t in texts for r in rows_of("two_later_survey", trade_codes=t)],
        name="a.csv",
    )
    with world.session() as session:
        world.collect(session, "two_later_survey")
        found = [
            r[0] for r in session.rows("SELECT trade_codes FROM raw.two_later_survey__person ORDER BY row_no")
        ]
    assert found == ["01|03", "02", "05|07", "01|03|04", None]
