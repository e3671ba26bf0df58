-- Changes of reference data as this warehouse met them, and who approved them. Rows are only added.

CREATE TABLE IF NOT EXISTS ops.reference__change (
  seq          BIGINT NOT NULL,
  table_name   VARCHAR NOT NULL,
  content_hash VARCHAR NOT NULL,         -- first 16 hex digits of the SHA-256 of the file
  is_first     BOOLEAN NOT NULL,         -- the table as it came with the installation
  seen_at      TIMESTAMP NOT NULL
);
COMMENT ON TABLE ops.reference__change IS '参考数据变更 / reference tables, each content that was loaded (rule RP17)';

CREATE TABLE IF NOT EXISTS ops.reference__approval (
  table_name   VARCHAR NOT NULL,
  content_hash VARCHAR NOT NULL,
  document     VARCHAR NOT NULL,         -- the paper on which the change rests
  approved_by  VARCHAR NOT NULL,
  approved_at  TIMESTAMP NOT NULL
);
COMMENT ON TABLE ops.reference__approval IS '参考数据批准 / approvals of changed reference tables';

CREATE OR REPLACE VIEW ops.reference__in_force AS
SELECT c.table_name, c.content_hash, c.is_first, c.seen_at,
       count(a.table_name) > 0 AS is_approved
FROM (SELECT table_name, max_by(content_hash, seq) AS content_hash, max_by(is_first, seq) AS is_first, max(seen_at) AS seen_at
      FROM ops.reference__change GROUP BY table_name) c
LEFT JOIN ops.reference__approval a ON a.table_name = c.table_name AND a.content_hash = c.content_hash
GROUP BY c.table_name, c.content_hash, c.is_first, c.seen_at;
COMMENT ON VIEW ops.reference__in_force IS '参考数据现状 / every reference table as it stands, with its approval';
