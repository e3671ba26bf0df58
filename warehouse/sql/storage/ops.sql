-- The warehouse's own records: what was delivered, what was decided, what ran. Counts, keys and hashes only.
-- No PRIMARY KEY or UNIQUE: the blocks of an index are written with whatever lay in the engine's buffers before, and in a
-- process that has just cleaned rows that can be a person's address. Keys are held by code and by rule RT13, RT14.

CREATE TABLE IF NOT EXISTS ops.delivery__version (
  delivery_id    VARCHAR NOT NULL,
  source         VARCHAR NOT NULL,
  owner          VARCHAR NOT NULL,
  period         VARCHAR NOT NULL,
  part           VARCHAR NOT NULL,        -- several files of one owner and period, e.g. one per cohort
  version        INTEGER NOT NULL,        -- 1, 2 … within (source, owner, period, part)
  file_name      VARCHAR NOT NULL,
  sha256         VARCHAR NOT NULL,
  n_bytes        BIGINT NOT NULL,
  format         VARCHAR,
  encoding       VARCHAR,
  header_row     INTEGER,
  n_declared     BIGINT,
  n_read         BIGINT,
  n_accepted     BIGINT,
  n_quarantined  BIGINT,
  as_of          DATE,
  received_on    DATE,
  preparer       VARCHAR,
  reviewer       VARCHAR,
  unit_head      VARCHAR,
  status         VARCHAR NOT NULL,        -- accepted | refused
  refused_by     VARCHAR,                 -- rule id
  reason_zh      VARCHAR,
  reason_en      VARCHAR
);
COMMENT ON TABLE ops.delivery__version IS '交付批次 / every file ever judged; rows are only added';

CREATE TABLE IF NOT EXISTS ops.quarantine__row_rule (
  delivery_id  VARCHAR NOT NULL,
  row_no       BIGINT NOT NULL,
  rule_id      VARCHAR NOT NULL,
  field        VARCHAR,
  severity     VARCHAR NOT NULL,
  rule_version INTEGER NOT NULL
);
COMMENT ON TABLE ops.quarantine__row_rule IS '问题行 / rows that failed a rule, by key; severity quarantine keeps the row out of raw, warn does not';

CREATE TABLE IF NOT EXISTS ops.unit_failure__unit_rule (
  period       VARCHAR NOT NULL,
  dataset      VARCHAR NOT NULL,
  unit_key     VARCHAR NOT NULL,
  rule_id      VARCHAR NOT NULL,
  severity     VARCHAR NOT NULL,
  rule_version INTEGER NOT NULL
);
COMMENT ON TABLE ops.unit_failure__unit_rule IS '问题单元 / units other than source rows (deliveries, schools, cells) that fail a rule now';

CREATE TABLE IF NOT EXISTS ops.rule_result__rule_batch (
  period        VARCHAR NOT NULL,
  batch         VARCHAR NOT NULL,         -- hash of what was tested; the same batch is judged once per rule version
  dataset       VARCHAR NOT NULL,
  rule_id       VARCHAR NOT NULL,
  rule_version  INTEGER NOT NULL,
  stage         VARCHAR NOT NULL,
  severity      VARCHAR NOT NULL,
  status        VARCHAR NOT NULL,         -- passed | failed | error | not_applicable
  n_tested      BIGINT NOT NULL,
  n_failed      BIGINT NOT NULL,
  seconds       DOUBLE NOT NULL,
  detail        VARCHAR,
  evaluated_at  TIMESTAMP NOT NULL
);
COMMENT ON TABLE ops.rule_result__rule_batch IS '规则结果 / result of each rule on each batch; counts only';

CREATE TABLE IF NOT EXISTS ops.model_run__model_period (
  model        VARCHAR NOT NULL,
  period       VARCHAR NOT NULL,
  fingerprint  VARCHAR NOT NULL,          -- code, contract, parameters and inputs
  inputs       VARCHAR NOT NULL,          -- JSON: input table -> its fingerprint (rule RP01, lineage)
  code_version VARCHAR NOT NULL,
  n_rows       BIGINT NOT NULL,
  seconds      DOUBLE NOT NULL,
  finished_at  TIMESTAMP NOT NULL,
  content      VARCHAR NOT NULL           -- count and order-free hash of the rows that were made
);
COMMENT ON TABLE ops.model_run__model_period IS '模型运行 / how each table of each period came about';

CREATE TABLE IF NOT EXISTS ops.model_content__run (
  model       VARCHAR NOT NULL,
  period      VARCHAR NOT NULL,
  fingerprint VARCHAR NOT NULL,
  engine      VARCHAR NOT NULL,           -- hashes of rows are equal within one version of the engine only
  content     VARCHAR NOT NULL
);
COMMENT ON TABLE ops.model_content__run IS '重算记录 / what each state of the inputs of a table came to, once for every result (rule RP19)';

CREATE TABLE IF NOT EXISTS ops.ledger__event (
  seq        BIGINT NOT NULL,
  occurred_at TIMESTAMP NOT NULL,
  event      VARCHAR NOT NULL,
  subject    VARCHAR NOT NULL,
  detail     VARCHAR NOT NULL,            -- JSON with sorted keys
  prev_hash  VARCHAR NOT NULL,
  hash       VARCHAR NOT NULL             -- SHA-256 over seq, occurred_at, event, subject, detail, prev_hash
);
COMMENT ON TABLE ops.ledger__event IS '台账 / append-only, hash-chained record of loads, decisions and publications (rule RT13)';

CREATE TABLE IF NOT EXISTS ops.prepared__version (version VARCHAR NOT NULL);
COMMENT ON TABLE ops.prepared__version IS '结构版本 / code and reference version that the tables were last brought up to';
