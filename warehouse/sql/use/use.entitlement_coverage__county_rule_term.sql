-- Coverage by county, rule and term: entitled persons (poor persons who were not found included), classes, amounts.
SELECT CAST($period AS VARCHAR) AS period,
       CAST(coalesce(e.county_code, 'none') AS VARCHAR) AS county_code,
       CAST(e.rule_id AS VARCHAR) AS rule_id,
       CAST(e.programme_code AS VARCHAR) AS programme_code,
       CAST(e.school_year_code AS VARCHAR) AS school_year_code,
       CAST(e.term_code AS VARCHAR) AS term_code,
       CAST(sum(CASE WHEN e.is_entitled THEN 1 ELSE 0 END) AS INTEGER) AS n_entitled,
       CAST(sum(CASE WHEN e.is_entitled AND e.class_code = 'full' THEN 1 ELSE 0 END) AS INTEGER) AS n_full,
       CAST(sum(CASE WHEN e.class_code = 'short' THEN 1 ELSE 0 END) AS INTEGER) AS n_short,
       CAST(sum(CASE WHEN e.class_code = 'unpaid' THEN 1 ELSE 0 END) AS INTEGER) AS n_unpaid,
       CAST(sum(CASE WHEN e.class_code = 'over' THEN 1 ELSE 0 END) AS INTEGER) AS n_over,
       CAST(sum(CASE WHEN e.class_code = 'double' THEN 1 ELSE 0 END) AS INTEGER) AS n_double,
       CAST(sum(CASE WHEN e.class_code = 'ineligible' THEN 1 ELSE 0 END) AS INTEGER) AS n_ineligible,
       CAST(sum(CASE WHEN e.class_code = 'pending' THEN 1 ELSE 0 END) AS INTEGER) AS n_pending,
       CAST(sum(CASE WHEN e.class_code = 'not_judged' THEN 1 ELSE 0 END) AS INTEGER) AS n_not_judged,
       CAST(sum(CASE WHEN e.is_entitled AND NOT e.is_matched THEN 1 ELSE 0 END) AS INTEGER) AS n_unmatched,
       CAST(sum(CASE WHEN e.is_entitled THEN e.amount_due ELSE 0 END) AS DECIMAL(18, 2)) AS amount_due,
       CAST(sum(e.amount_paid) AS DECIMAL(18, 2)) AS amount_paid
FROM use.entitlement__person_rule_term AS e
WHERE e.period = $period
GROUP BY e.county_code, e.rule_id, e.programme_code, e.school_year_code, e.term_code
