-- What the warehouse is told: tokens, keys, tiers and weights. A person id is issued once, from the key of the founding record.
CREATE OR REPLACE TEMP TABLE link_out AS
SELECT p.n, p.source, p.profile,
       coalesce(s.person, token('person', f.first_key)) AS person_id,
       CASE WHEN p.n = m.ent THEN 'N' ELSE coalesce(m.tier, 'N') END AS tier,
       CASE WHEN p.n = m.ent THEN NULL ELSE m.score END AS score,
       CASE WHEN p.n = m.ent OR m.evidence IS NULL THEN '{}'
            ELSE json_object('with', q.profile::VARCHAR, 'by', m.evidence)::VARCHAR END AS evidence
FROM profile p
JOIN member m ON m.n = p.n
JOIN profile f ON f.n = m.ent
LEFT JOIN settled s ON s.ent = m.ent
LEFT JOIN profile q ON q.n = m.partner
WHERE p.is_new;

CREATE OR REPLACE TEMP TABLE review_out AS
SELECT v.kind, least(a.profile, b.profile) AS left_profile, greatest(a.profile, b.profile) AS right_profile, v.score,
       json_object('by', v.evidence)::VARCHAR AS evidence
FROM review v JOIN profile a ON a.n = v.l JOIN profile b ON b.n = v.r;
