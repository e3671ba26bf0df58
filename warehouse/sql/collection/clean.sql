-- Macros that read the text of a cell. Temporary: they live in the session. Each returns NULL for what it cannot read;
-- nothing is guessed. Dirt ids (D04 …) are explained in docs/dirt.md.

-- A macro is text: its argument is repeated wherever it stands. Macros that use their argument often are given columns,
-- never expressions (see intake.py), or the plan grows beyond bounds.

-- D06, D26: full-width ASCII to half-width (NFKC of the characters that occur in codes, dates and numbers); a no-break space
-- is a space, and zero-width characters (the last of the first list, without a partner in the second) go wherever they stand
-- (the cheap test comes first: translating every cell would cost more than all the rest)
CREATE OR REPLACE TEMP MACRO half_width(s) AS CASE
  WHEN NOT regexp_matches(s, '[０-９Ａ-Ｚａ-ｚ（）－．／：，＋＝＊\x{3000}\x{A0}\x{200B}-\x{200D}\x{FEFF}]') THEN s ELSE translate(s,
  '０１２３４５６７８９ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ（）－．／：，＋＝＊　'
  || chr(160) || chr(8203) || chr(8204) || chr(8205) || chr(65279),
  '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz()-./:,+=*  ') END;

-- D04, D10: apostrophe prefix, ="…", spaces of every kind, tabs
CREATE OR REPLACE TEMP MACRO strip_cell(s) AS nullif(CASE
  WHEN NOT regexp_matches(s, '^[\s="''\x{A0}\x{3000}]|[\s="''\x{A0}\x{3000}]$') THEN s ELSE trim(s,
  ' ="''' || chr(9) || chr(10) || chr(11) || chr(12) || chr(13) || chr(160) || chr(12288)) END, '');

CREATE OR REPLACE TEMP MACRO clean_cell(s) AS strip_cell(half_width(s));

-- D22: placeholders that mean "nothing"
CREATE OR REPLACE TEMP MACRO is_blank(s) AS coalesce(clean_cell(s), '') IN
  ('', '无', '不详', '暂无', '未知', '空', '/', '-', '--', '—', 'NULL', 'null', 'N/A', '#N/A', '000000', '19000101', '111111111111111111');

-- The text of a cell, or nothing
-- (columns that are read per row, not per distinct value, begin with one cheap test that nearly every cell passes)
CREATE OR REPLACE TEMP MACRO cell_text(s) AS CASE
  WHEN regexp_matches(s, '[０-９Ａ-Ｚａ-ｚ（）－．／：，＋＝＊\x{3000}\x{A0}\x{200B}-\x{200D}\x{FEFF}]|^[\s="'']|[\s="'']$') THEN
    CASE WHEN NOT is_blank(s) THEN clean_cell(s) END
  WHEN s IN ('', '无', '不详', '暂无', '未知', '空', '/', '-', '--', '—', 'NULL', 'null', 'N/A', '#N/A', '000000', '19000101', '111111111111111111')
    THEN NULL ELSE s END;

CREATE OR REPLACE TEMP MACRO code_text(s) AS lower(regexp_replace(clean_cell(s), '[\s()·、]+', '', 'g'));

-- D20
CREATE OR REPLACE TEMP MACRO read_flag(s) AS CASE
  WHEN lower(clean_cell(s)) IN ('是', '1', 'y', 'yes', 'true', 't', '√', '有', '对') THEN true
  WHEN lower(clean_cell(s)) IN ('否', '0', 'n', 'no', 'false', 'f', '×', '无', '没有', '不') THEN false END;

-- D23: digits in groups of three lose their commas; 1,5 is no number
CREATE OR REPLACE TEMP MACRO without_groups(t) AS
  translate(regexp_extract(t, '^(?:[^,]*|-?\d{1,3}(?:,\d{3})+(?:[^,\d].*)?)$'), ',', '');

-- Plain or grouped digits, an integral decimal part from a spreadsheet, a unit
CREATE OR REPLACE TEMP MACRO read_integer(s) AS
  TRY_CAST(regexp_extract(without_groups(clean_cell(s)), '^(-?\d{1,9})(\.0+)?\s*(人|个|所|公里|km|岁|月|元)?$', 1) AS INTEGER);

-- D23: 元 may follow; other units are refused
CREATE OR REPLACE TEMP MACRO read_decimal(s) AS
  TRY_CAST(regexp_extract(without_groups(clean_cell(s)), '^(-?\d{1,14}(\.\d{1,6})?)\s*元?$', 1) AS DECIMAL(18, 2));

CREATE OR REPLACE TEMP MACRO ymd(y, m, d) AS TRY_CAST(y || '-' || lpad(m, 2, '0') || '-' || lpad(d, 2, '0') AS DATE);

-- D11: ordered readers; day-first only where it cannot be anything else; Excel serials of the 1900 calendar
-- Day forms are first brought to one form; what does not fit gives an empty text, which is no date.
CREATE OR REPLACE TEMP MACRO day_text(t) AS regexp_replace(regexp_replace(regexp_replace(t,
    '^(\d{4})(\d{2})(\d{2})$', '\1-\2-\3'),
    '^(1[3-9]|2\d|3[01])/(\d{1,2})/(\d{4})$', '\3-\2-\1'),
    '^(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:[ T]\d{1,2}:\d{2}(?::\d{2})?(?:\.0+)?)?$', '\1-\2-\3');
CREATE OR REPLACE TEMP MACRO day_of(t) AS TRY_CAST(regexp_extract(t, '^\d{4}-\d{1,2}-\d{1,2}$') AS DATE);
CREATE OR REPLACE TEMP MACRO serial_day(t) AS
  DATE '1899-12-30' + TRY_CAST(regexp_extract(t, '^([1-6]\d{4})(?:\.0+)?$', 1) AS INTEGER);
CREATE OR REPLACE TEMP MACRO read_date(s) AS coalesce(day_of(day_text(clean_cell(s))), serial_day(clean_cell(s)));

CREATE OR REPLACE TEMP MACRO month_text(t) AS regexp_extract(regexp_replace(regexp_replace(t,
    '^((?:19|20)\d{2})[-/.年]?(\d{2})月?$', '\1-\2'),
    '^((?:19|20)\d{2})[-/.年](\d)月?$', '\1-0\2'), '^\d{4}-(?:0[1-9]|1[0-2])$');
CREATE OR REPLACE TEMP MACRO read_month(s) AS coalesce(nullif(month_text(clean_cell(s)), ''), strftime(read_date(s), '%Y-%m'));

-- Identifiers: separators and case only. D06: × and * stand for X at the last place.
CREATE OR REPLACE TEMP MACRO read_identifier(s) AS CASE
  WHEN regexp_matches(s, '[^0-9A-Z]') THEN upper(translate(clean_cell(s), '×- ', 'X')) ELSE nullif(s, '') END;
CREATE OR REPLACE TEMP MACRO read_citizen_id(s) AS CASE
  WHEN regexp_full_match(s, '[1-9][0-9]{16}[0-9X]') AND s <> '111111111111111111' THEN s
  WHEN NOT is_blank(s) THEN regexp_replace(read_identifier(s), '\*$', 'X') END;

-- GB 11643-1999: ISO 7064:1983 MOD 11-2 over 17 digits and a check character
CREATE OR REPLACE TEMP MACRO digit_at(s, i) AS ord(substr(s, i, 1)) - 48;
CREATE OR REPLACE TEMP MACRO mod11_2_check(s) AS substr('10X98765432', 1 + (
    digit_at(s, 1) * 7 + digit_at(s, 2) * 9 + digit_at(s, 3) * 10 + digit_at(s, 4) * 5 + digit_at(s, 5) * 8 + digit_at(s, 6) * 4
  + digit_at(s, 7) * 2 + digit_at(s, 8) * 1 + digit_at(s, 9) * 6 + digit_at(s, 10) * 3 + digit_at(s, 11) * 7 + digit_at(s, 12) * 9
  + digit_at(s, 13) * 10 + digit_at(s, 14) * 5 + digit_at(s, 15) * 8 + digit_at(s, 16) * 4 + digit_at(s, 17) * 2) % 11, 1);
CREATE OR REPLACE TEMP MACRO is_citizen_id(s) AS
  regexp_full_match(s, '\d{6}(18|19|20)\d{9}[0-9X]') AND mod11_2_check(s) = substr(s, 18, 1)
  AND ymd(substr(s, 7, 4), substr(s, 11, 2), substr(s, 13, 2)) IS NOT NULL;
-- D07: a number of 15 digits, issued before 1999, gains its century and its check character
CREATE OR REPLACE TEMP MACRO with_check(s) AS s || mod11_2_check(s);
CREATE OR REPLACE TEMP MACRO upgrade_old_id(s) AS CASE
  WHEN regexp_full_match(s, '\d{15}') THEN with_check(left(s, 6) || '19' || substr(s, 7)) ELSE s END;
CREATE OR REPLACE TEMP MACRO citizen_birth_date(s) AS ymd(substr(s, 7, 4), substr(s, 11, 2), substr(s, 13, 2));

-- D05: what a spreadsheet leaves of an 18-digit number; of a number that read_citizen_id has read
CREATE OR REPLACE TEMP MACRO is_excel_damaged(t) AS CASE
  WHEN NOT (ends_with(t, '000') OR contains(t, 'E')) THEN false ELSE regexp_full_match(t, '\d(\.\d+)?E\+1[4-9]') OR (regexp_full_match(t, '\d{15}000') AND NOT is_citizen_id(t)) END;

-- D09: one form of the dot; spaces between Chinese characters go, spaces between Latin words stay
CREATE OR REPLACE TEMP MACRO read_name(s) AS CASE
  WHEN NOT regexp_matches(s, '[^\p{Han}·]') THEN CASE WHEN s NOT IN ('', '无', '不详', '暂无', '未知', '空') THEN s END
  WHEN is_blank(s) THEN NULL ELSE
  regexp_replace(regexp_replace(translate(clean_cell(s), '•・‧∙．。.', '·······'), '\s*([·-])\s*', '·', 'g'), '([^A-Za-z])\s+', '\1', 'g') END;

-- D26: 2014级(1)班, (1)班, 三(2)班, 七年级二班: brackets and spaces go, the parts stay; never free text
CREATE OR REPLACE TEMP MACRO read_class_label(s) AS nullif(regexp_extract(regexp_replace(clean_cell(s), '[()\s]', '', 'g'),
  '^((?:\p{Han}{1,12}教学点)?(?:(?:19|20)\d{2}[级届])?(?:[小中大托]|混龄|[一二三四五六七八九](?:年级)?|初[一二三四]|高[一二三])?(?:\d{1,3}|[一二三四五六七八九十]{1,3})班?)$', 1), '');

-- Form of inclusion at a regular school for a type of disability: none, sight, hearing, intellect keep their code, all others 9
CREATE OR REPLACE TEMP MACRO inclusive_for(disability) AS CASE WHEN disability IN ('0', '1', '2', '5') THEN disability ELSE '9' END;
