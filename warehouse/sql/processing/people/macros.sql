-- Macros of the person index. Temporary; on top of collection/clean.sql. `canonical_name` and `surname_reading` are made
-- from reference tables by normalise.py.

-- Name without blanks, dots and hyphens of any kind, in upper case: 多杰·才让, 多杰 才让 and 多杰才让 are one key.
CREATE OR REPLACE TEMP MACRO bare_name(s) AS
  nullif(upper(regexp_replace(half_width(s), '[\s·•・‧∙．。.,，、''’\-—\x{A0}\x{3000}\x{200B}-\x{200D}]+', '', 'g')), '');

-- What an id is worth. `placeholder` and `of_guardian` are set later, when other rows are known.
CREATE OR REPLACE TEMP MACRO id_status(t) AS CASE
  WHEN t IS NULL THEN 'missing'
  WHEN is_citizen_id(t) THEN 'ok'
  WHEN regexp_full_match(t, '\d{15}000') OR contains(t, 'E+') THEN 'excel_truncated'
  WHEN regexp_full_match(t, '\d{17}[0-9X]') AND citizen_birth_date(t) IS NULL THEN 'invalid_date'
  WHEN regexp_full_match(t, '\d{17}[0-9X]') THEN 'invalid_checksum'
  ELSE 'invalid_form' END;

-- How alike two names are; `key` without dots and with one spelling, `py` its reading in toneless pinyin.
--   same | reading | order (same characters in another order) | one (one character of three or more) | part (one begins the
--   other) | near (readings nearly equal) | surname (only the first character) | else
CREATE OR REPLACE TEMP MACRO name_level(a, b, pa, pb) AS CASE
  WHEN a IS NULL OR b IS NULL THEN 'unknown'
  WHEN a = b THEN 'same'
  WHEN pa = pb THEN 'reading'
  WHEN length(a) = length(b) AND list_sort(string_split(a, '')) = list_sort(string_split(b, '')) THEN 'order'
  WHEN least(length(a), length(b)) >= 3 AND damerau_levenshtein(a, b) <= 1 THEN 'one'
  WHEN least(length(a), length(b)) >= 2 AND (starts_with(a, b) OR starts_with(b, a) OR ends_with(a, b) OR ends_with(b, a)) THEN 'part'
  WHEN least(length(a), length(b)) >= 3 AND jaro_winkler_similarity(pa, pb) >= 0.94 THEN 'near'
  WHEN left(a, 1) = left(b, 1) THEN 'surname'
  ELSE 'else' END;
-- at least one character stands in its place in two names of one length
CREATE OR REPLACE TEMP MACRO shares_a_place(a, b) AS
  length(a) = length(b) AND len(list_filter(list_zip(string_split(a, ''), string_split(b, '')), x -> x[1] = x[2])) > 0;
CREATE OR REPLACE TEMP MACRO is_strong(level) AS level IN ('same', 'reading', 'order');
CREATE OR REPLACE TEMP MACRO is_weak(level) AS level IN ('one', 'part', 'near');

-- Two valid ids of one person: a slip, an exchange of neighbours, or a new number with the same birth date at the same place.
CREATE OR REPLACE TEMP MACRO ids_near(a, b) AS damerau_levenshtein(a, b) <= 2;
