-- Macros that read the text of a cell. Temporary: they live in the session. Each returns NULL for what it cannot read;
-- nothing is guessed. Dirt ids (D04 …) are explained in docs/dirt.md.

-- A macro is text: its argument is repeated wherever it stands. Macros that use their argument often are given columns,
-- never expressions (see warehouse/intake), or the plan grows beyond bounds.

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
-- (a regular expression and not IN: a list of that length becomes a join, whose left side is computed for every row)
CREATE OR REPLACE TEMP MACRO is_placeholder(t) AS regexp_full_match(t,
  '无|不详|暂无|未知|空|/|-|--|—|NULL|null|N/A|#N/A|000000|19000101|1{18}');
CREATE OR REPLACE TEMP MACRO is_blank(s) AS coalesce(clean_cell(s), '') = '' OR is_placeholder(clean_cell(s));

-- The text of a cell, or nothing
-- (columns that are read per row, not per distinct value, begin with one cheap test that nearly every cell passes)
CREATE OR REPLACE TEMP MACRO cell_text(s) AS CASE
  WHEN NOT regexp_matches(s, '[０-９Ａ-Ｚａ-ｚ（）－．／：，＋＝＊\x{3000}\x{A0}\x{200B}-\x{200D}\x{FEFF}]|^[\s="'']|[\s="'']$|^(?:无|不详|暂无|未知|空|/|-|--|—|NULL|null|N/A|#N/A|000000|19000101|1{18})?$')
    THEN s
  WHEN NOT is_blank(s) THEN clean_cell(s) END;

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

-- D23: words of money (壹仟贰佰元整) in plain form, then thousands, hundreds, tens and ones of at most four places
CREATE OR REPLACE TEMP MACRO plain_numerals(t) AS
  translate(t, '壹贰叁肆伍陆柒捌玖两〇拾佰仟圆块整正', '一二三四五六七八九二零十百千元元');
CREATE OR REPLACE TEMP MACRO numeral(d) AS strpos('一二三四五六七八九', nullif(d, ''));
CREATE OR REPLACE TEMP MACRO four_places(t) AS CASE
  WHEN t = '' THEN 0
  WHEN regexp_full_match(t, '零?(?:[一二三四五六七八九]千)?零?(?:[一二三四五六七八九]百)?零?(?:[一二三四五六七八九]?十)?零?[一二三四五六七八九]?') THEN
    coalesce(numeral(regexp_extract(t, '(.)千', 1)), 0) * 1000 + coalesce(numeral(regexp_extract(t, '(.)百', 1)), 0) * 100
    + CASE WHEN contains(t, '十') THEN 10 * coalesce(nullif(numeral(regexp_extract(t, '([一二三四五六七八九])十', 1)), 0), 1) ELSE 0 END
    + coalesce(numeral(regexp_extract(t, '([一二三四五六七八九])$', 1)), 0) END;
CREATE OR REPLACE TEMP MACRO money_words(t) AS CASE WHEN regexp_full_match(t, '[一二三四五六七八九零十百千]+万?[一二三四五六七八九零十百千]*元') THEN
  (four_places(regexp_extract(t, '^(.*)万', 1)) * 10000 + four_places(regexp_extract(t, '^(?:.*万)?([^万]*)元$', 1)))::DECIMAL(18, 2) END;
-- Digits with 元 or 万元; a word without 元, and any other unit, are refused
CREATE OR REPLACE TEMP MACRO money_digits(t) AS TRY_CAST(
  TRY_CAST(regexp_extract(t, '^(-?\d{1,12}(?:\.\d{1,6})?)\s*(?:万?元)?$', 1) AS DECIMAL(18, 6))
  * CASE WHEN ends_with(t, '万元') THEN 10000 ELSE 1 END AS DECIMAL(18, 2));
CREATE OR REPLACE TEMP MACRO read_decimal(s) AS
  coalesce(money_digits(without_groups(clean_cell(s))), money_words(plain_numerals(clean_cell(s))));

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
  WHEN NOT regexp_matches(s, '[^\p{Han}·]|^(?:无|不详|暂无|未知|空)?$') THEN s
  WHEN is_blank(s) THEN NULL ELSE
  regexp_replace(regexp_replace(translate(clean_cell(s), '•・‧∙．。.', '·······'), '\s*([·-])\s*', '·', 'g'), '([^A-Za-z])\s+', '\1', 'g') END;

-- D26: 2014级(1)班, (1)班, 三(2)班, 七年级二班: brackets and spaces go, the parts stay; never free text
CREATE OR REPLACE TEMP MACRO read_class_label(s) AS nullif(regexp_extract(regexp_replace(clean_cell(s), '[()\s]', '', 'g'),
  '^((?:\p{Han}{1,12}教学点)?(?:(?:19|20)\d{2}[级届])?(?:[小中大托]|混龄|[一二三四五六七八九](?:年级)?|初[一二三四]|高[一二三])?(?:\d{1,3}|[一二三四五六七八九十]{1,3})班?)$', 1), '');

-- Form of inclusion at a regular school for a type of disability: none, sight, hearing, intellect keep their code, all others 9
CREATE OR REPLACE TEMP MACRO inclusive_for(disability) AS CASE WHEN disability IN ('0', '1', '2', '5') THEN disability ELSE '9' END;

-- D02: characters that stand for a lost one: private use, a question mark, an empty box
CREATE OR REPLACE TEMP MACRO has_lost_character(s) AS regexp_matches(s, '[?？□■〓\x{E000}-\x{F8FF}\x{F0000}-\x{10FFFD}]');

-- D21: one or more telephone numbers; what is masked or a filler is no number. Kept as written, the form is only judged.
CREATE OR REPLACE TEMP MACRO is_phone(s) AS CASE
  WHEN regexp_full_match(s, '1[3-9][0-9]{9}') THEN NOT regexp_matches(s, '^13[0-9](?:0{8}|1{8}|8{8}|9{8})$|^13800138000$')
  ELSE regexp_full_match(regexp_replace(half_width(s), '[\s()·-]', '', 'g'),
    '(?:(?:\+?86)?1[3-9]\d{9}|0\d{9,11}|[2-8]\d{6,7})(?:(?:[/、,，;；]|或)(?:(?:\+?86)?1[3-9]\d{9}|0\d{9,11}|[2-8]\d{6,7}))*')
    AND NOT regexp_matches(half_width(s), '13[0-9](?:0{8}|1{8}|8{8}|9{8})|13800138000') END;

-- Which dirt a cell was, from the text as delivered; NULL: it was clean. Only cells that were changed or read through a value
-- map are asked. Counted per delivery and column in ops.repair__delivery_field; what could not be read is a matter of rules.
CREATE OR REPLACE TEMP MACRO dirt_of_cell(s) AS CASE
  WHEN regexp_matches(s, '^[\s="''\x{A0}\x{3000}＝]|[\s="''\x{A0}\x{3000}]$|[\x{200B}-\x{200D}\x{FEFF}]') THEN 'D04'
  WHEN regexp_matches(s, '[０-９Ａ-Ｚａ-ｚ（）－．／：，＋＝＊]') THEN 'D06'
  WHEN is_blank(s) THEN 'D22' END;
CREATE OR REPLACE TEMP MACRO dirt_of_text(s) AS coalesce(dirt_of_cell(s), 'D10');
CREATE OR REPLACE TEMP MACRO dirt_of_identifier(s) AS coalesce(dirt_of_cell(s), CASE WHEN regexp_full_match(s, '\d{15}') THEN 'D07' ELSE 'D06' END);
CREATE OR REPLACE TEMP MACRO is_rare(s) AS regexp_matches(s, '[\x{3400}-\x{4DBF}\x{20000}-\x{3FFFF}]');
CREATE OR REPLACE TEMP MACRO dirt_of_name(s) AS CASE
  WHEN regexp_matches(s, '[•・‧∙．。.-]') THEN 'D09'
  WHEN dirt_of_cell(s) IN ('D04', 'D22') THEN dirt_of_cell(s)
  WHEN regexp_matches(s, '[\s\x{3000}\x{A0}]') THEN 'D10'
  WHEN is_rare(s) THEN 'D02' ELSE coalesce(dirt_of_cell(s), 'D10') END;
CREATE OR REPLACE TEMP MACRO dirt_of_date(s) AS coalesce(dirt_of_cell(s), CASE WHEN NOT regexp_full_match(s, '\d{8}') THEN 'D11' END);
CREATE OR REPLACE TEMP MACRO dirt_of_month(s) AS coalesce(dirt_of_cell(s), CASE WHEN NOT regexp_full_match(s, '\d{4}-?\d{2}') THEN 'D11' END);
CREATE OR REPLACE TEMP MACRO dirt_of_flag(s) AS coalesce(dirt_of_cell(s), CASE WHEN s NOT IN ('是', '否') THEN 'D20' END);
CREATE OR REPLACE TEMP MACRO dirt_of_number(s) AS coalesce(dirt_of_cell(s), CASE WHEN NOT regexp_full_match(s, '-?\d+(?:\.\d+)?') THEN 'D23' END);
CREATE OR REPLACE TEMP MACRO dirt_of_grade(s) AS coalesce(dirt_of_cell(s),
  CASE WHEN NOT regexp_full_match(s, '(?:中职)?[一二三四五六七八九]年级|高[一二三]|[大中小托]班|[0-9A-Z]{1,2}') THEN 'D17' END);
CREATE OR REPLACE TEMP MACRO dirt_of_label(s) AS coalesce(CASE dirt_of_cell(s) WHEN 'D06' THEN 'D26' ELSE dirt_of_cell(s) END,
  CASE WHEN regexp_matches(s, '\s') THEN 'D26' END);
CREATE OR REPLACE TEMP MACRO dirt_of_school(s) AS coalesce(dirt_of_cell(s), CASE WHEN NOT regexp_full_match(s, '\d{10}') THEN 'D06' END);
-- D19: a code that is found only without its leading zero
CREATE OR REPLACE TEMP MACRO dirt_of_code(s, value) AS coalesce(dirt_of_cell(s),
  CASE WHEN starts_with(value, '0') AND regexp_full_match(s, '\d+') AND s <> value THEN 'D19' END);
