-- One row per approved or undecided change record of the month (X2), with its person and what it does to the registration.
SELECT CAST($period AS VARCHAR) AS period,
       CAST(c.delivery_id AS VARCHAR) AS delivery_id,
       CAST(c.row_no AS BIGINT) AS row_no,
       CAST(i.person_id AS UUID) AS person_id,
       CAST(c.change_category_code AS VARCHAR) AS change_category_code,
       CAST(coalesce(f.effect_code, 'none') AS VARCHAR) AS effect_code,
       CAST(coalesce(c.change_date, c.approve_date, c.apply_date) AS DATE) AS change_date,
       CAST(c.from_school_id AS VARCHAR) AS from_school_id,
       CAST(c.to_school_id AS VARCHAR) AS to_school_id,
       CAST(fu.county_code AS VARCHAR) AS from_county_code,
       CAST(tu.county_code AS VARCHAR) AS to_county_code,
       CAST(c.from_grade_code AS VARCHAR) AS from_grade_code,
       CAST(c.to_grade_code AS VARCHAR) AS to_grade_code,
       -- no school and no county of ours is named as the destination
       CAST(coalesce(f.effect_code, '') = 'transfer_out' AND c.to_school_id IS NULL AND tu.county_code IS NULL AS BOOLEAN)
         AS is_leaving_province,
       CAST(coalesce(c.has_proof, false) AS BOOLEAN) AS has_proof
FROM raw.student_change__event AS c
JOIN core.identity__record AS i ON i.delivery_id = c.delivery_id AND i.row_no = c.row_no AND i.period = $period
LEFT JOIN ref.change_effect AS f ON f.change_category_code = c.change_category_code
LEFT JOIN core.county_unit__code AS fu ON fu.code = c.from_county_code AND fu.period = $period
LEFT JOIN core.county_unit__code AS tu ON tu.code = c.to_county_code AND tu.period = $period
-- refused records change nothing
WHERE coalesce(c.review_status_code, '') <> '3'
