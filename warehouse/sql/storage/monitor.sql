-- Dynamic monitoring: rows that wait for a correction, and the register of dropout cases. Tokens, keys and codes only.

CREATE TABLE IF NOT EXISTS ops.set_aside__row (
  delivery_id      VARCHAR NOT NULL,
  row_no           BIGINT NOT NULL,
  id_no_token      UUID,
  student_no_token UUID,
  change_category_code VARCHAR
);
ALTER TABLE ops.set_aside__row ADD COLUMN IF NOT EXISTS change_category_code VARCHAR;
COMMENT ON TABLE ops.set_aside__row IS '退回数据行的人员令牌 / Tokens of the rows set aside, so that nobody is taken for gone while a row is corrected';

CREATE TABLE IF NOT EXISTS ops.case__person (
  case_id       VARCHAR NOT NULL,
  person_id     UUID NOT NULL,
  kind_code     VARCHAR NOT NULL,
  opened_period VARCHAR NOT NULL,
  county_code   VARCHAR,
  opened_at     TIMESTAMP NOT NULL
);
COMMENT ON TABLE ops.case__person IS '控辍保学个案 / Dropout cases; opened from the list of suspicions, never closed by a machine';

CREATE TABLE IF NOT EXISTS ops.case_move__event (
  seq         BIGINT NOT NULL,
  case_id     VARCHAR NOT NULL,
  from_state  VARCHAR,
  to_state    VARCHAR NOT NULL,
  reason_code VARCHAR,
  evidence_no VARCHAR,
  moved_by    VARCHAR NOT NULL,
  moved_at    TIMESTAMP NOT NULL
);
COMMENT ON TABLE ops.case_move__event IS '个案处理记录 / Moves of the cases; rows are only added, the last one holds';

-- what the rules of use and sharing judge: every look at persons, with its purpose, as the ledger has it
CREATE OR REPLACE VIEW ops.access__event AS
SELECT seq, CAST(occurred_at AS DATE) AS accessed_on, subject,
       detail::JSON ->> 'use' AS use_code,
       detail::JSON ->> 'purpose' AS purpose_code,
       detail::JSON ->> 'by' AS account,
       detail::JSON ->> 'second' AS second_account,
       CAST(detail::JSON ->> 'persons' AS BIGINT) AS n_persons,
       CAST(detail::JSON -> 'fields' AS VARCHAR[]) AS fields
FROM ops.ledger__event WHERE event = 'access';
COMMENT ON VIEW ops.access__event IS '人员信息访问记录 / Every look at persons: card, gap list, feedback, snapshot; purpose and account, no names';
