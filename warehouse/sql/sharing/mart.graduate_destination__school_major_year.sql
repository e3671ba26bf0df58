-- Graduates by college, major, degree level and cohort, with the six destination groups over the same denominator (I14).
WITH major AS (
  -- catalogues repeat codes; the first name in order is the label
  SELECT m.major_code, m.name_zh, m.name_en,
         row_number() OVER (
           PARTITION BY m.major_code
           ORDER BY CASE m.level WHEN 'secondary' THEN 1 ELSE 0 END, m.level, CAST(m.catalogue AS VARCHAR) DESC, m.name_zh) AS n
  FROM ref.major AS m
),
counted AS (
  SELECT g.graduation_year, coalesce(g.college_code, '') AS college_code, coalesce(g.major_code, '') AS major_code,
         coalesce(g.degree_level_code, '') AS degree_level_code, count(*) AS n_graduates,
         sum(CASE WHEN g.rate_group_code = 'contract' THEN 1 ELSE 0 END) AS n_contract,
         sum(CASE WHEN g.rate_group_code = 'flexible' THEN 1 ELSE 0 END) AS n_flexible,
         sum(CASE WHEN g.rate_group_code = 'startup' THEN 1 ELSE 0 END) AS n_startup,
         sum(CASE WHEN g.rate_group_code = 'further_study' THEN 1 ELSE 0 END) AS n_further_study,
         sum(CASE WHEN g.rate_group_code = 'seeking' THEN 1 ELSE 0 END) AS n_seeking,
         sum(CASE WHEN g.rate_group_code = 'not_seeking' THEN 1 ELSE 0 END) AS n_not_seeking,
         sum(CASE WHEN g.rate_group_code = 'unknown' THEN 1 ELSE 0 END) AS n_unknown,
         sum(CASE WHEN g.is_settled THEN 1 ELSE 0 END) AS n_settled, max(g.as_of_date) AS as_of_date
  FROM core.graduate__person_year AS g
  WHERE g.period = $period AND g.is_graduate
  GROUP BY g.graduation_year, coalesce(g.college_code, ''), coalesce(g.major_code, ''), coalesce(g.degree_level_code, '')
)
SELECT CAST($period AS VARCHAR) AS period,
       CAST(n.graduation_year AS INTEGER) AS graduation_year,
       CAST(n.college_code AS VARCHAR) AS college_code,
       CAST(n.major_code AS VARCHAR) AS major_code,
       CAST(n.degree_level_code AS VARCHAR) AS degree_level_code,
       CAST(c.name_zh AS VARCHAR) AS college_name_zh,
       CAST(c.name_en AS VARCHAR) AS college_name_en,
       CAST(m.name_zh AS VARCHAR) AS major_name_zh,
       CAST(m.name_en AS VARCHAR) AS major_name_en,
       CAST(dl.name_zh AS VARCHAR) AS degree_level_name_zh,
       CAST(dl.name_en AS VARCHAR) AS degree_level_name_en,
       CAST(n.n_graduates AS INTEGER) AS n_graduates,
       CAST(n.n_contract AS INTEGER) AS n_contract,
       CAST(n.n_flexible AS INTEGER) AS n_flexible,
       CAST(n.n_startup AS INTEGER) AS n_startup,
       CAST(n.n_further_study AS INTEGER) AS n_further_study,
       CAST(n.n_seeking AS INTEGER) AS n_seeking,
       CAST(n.n_not_seeking AS INTEGER) AS n_not_seeking,
       CAST(n.n_unknown AS INTEGER) AS n_unknown,
       CAST(n.n_settled AS INTEGER) AS n_settled,
       -- unrounded: the groups and the unknown sum to 100
       CAST(CAST(n.n_contract AS DOUBLE) * 100 / n.n_graduates AS DOUBLE) AS pct_contract,
       CAST(CAST(n.n_flexible AS DOUBLE) * 100 / n.n_graduates AS DOUBLE) AS pct_flexible,
       CAST(CAST(n.n_startup AS DOUBLE) * 100 / n.n_graduates AS DOUBLE) AS pct_startup,
       CAST(CAST(n.n_further_study AS DOUBLE) * 100 / n.n_graduates AS DOUBLE) AS pct_further_study,
       CAST(CAST(n.n_seeking AS DOUBLE) * 100 / n.n_graduates AS DOUBLE) AS pct_seeking,
       CAST(CAST(n.n_not_seeking AS DOUBLE) * 100 / n.n_graduates AS DOUBLE) AS pct_not_seeking,
       CAST(CAST(n.n_unknown AS DOUBLE) * 100 / n.n_graduates AS DOUBLE) AS pct_unknown,
       CAST(CAST((2 * n.n_settled * 1000 + n.n_graduates) // (2 * n.n_graduates) AS DOUBLE) / 10 AS DECIMAL(7,1)) AS pct_settled,
       CAST(i.indicator_id || '.' || CAST(i.version AS VARCHAR) AS VARCHAR) AS definition_version,
       CAST(n.as_of_date AS DATE) AS as_of_date
FROM counted AS n
LEFT JOIN ref.indicator AS i ON i.indicator_id = 'I14'
LEFT JOIN ref.college AS c ON c.college_code = n.college_code
LEFT JOIN major AS m ON m.major_code = n.major_code AND m.n = 1
LEFT JOIN ref.code_list AS dl ON dl.list_id = 'degree_level' AND dl.code = n.degree_level_code
