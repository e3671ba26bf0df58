-- Sharing with others: requests with their clock, deliveries, corrections. Accounts, codes, hashes and counts only; every row is
-- covered by the ledger (warehouse/ledger.py). Dates due come from reference/share_deadline.csv on the day of receipt.

CREATE TABLE IF NOT EXISTS ops.share__request (
  request_id   VARCHAR NOT NULL,
  recipient_zh VARCHAR NOT NULL,         -- an office, never a person
  dataset      VARCHAR NOT NULL,
  share_type   VARCHAR NOT NULL,         -- of the catalogue on the day of receipt
  received_on  DATE NOT NULL,
  answer_due   DATE NOT NULL,
  answered_on  DATE,
  decision     VARCHAR,                  -- granted | refused
  agreement_id VARCHAR,                  -- of a granted request
  reason       VARCHAR,                  -- of a refusal
  deliver_due  DATE,
  delivered_on DATE,                     -- first delivery
  taken_by     VARCHAR NOT NULL,         -- account that entered it
  decided_by   VARCHAR                   -- account of the approver
);
COMMENT ON TABLE ops.share__request IS '共享申请 / requests for data and their clock (RS05)';

CREATE TABLE IF NOT EXISTS ops.share__delivery (
  delivery_no   VARCHAR NOT NULL,
  agreement_id  VARCHAR NOT NULL,
  request_id    VARCHAR,
  recipient_zh  VARCHAR NOT NULL,
  dataset       VARCHAR NOT NULL,
  release_id    VARCHAR,                 -- none for person extracts
  period        VARCHAR NOT NULL,
  fields        VARCHAR NOT NULL,        -- separated by |, as delivered
  row_filter    VARCHAR NOT NULL,
  agreed_fields VARCHAR NOT NULL,        -- the agreement on that day
  agreed_filter VARCHAR NOT NULL,
  agreed_from   DATE NOT NULL,
  agreed_to     DATE NOT NULL,
  n_rows        BIGINT NOT NULL,
  n_outside     BIGINT NOT NULL,         -- rows of the file, read again, that the agreement does not cover
  sha256        VARCHAR NOT NULL,        -- of the data file
  delivered_on  DATE NOT NULL,
  delivered_by  VARCHAR NOT NULL,
  approver      VARCHAR NOT NULL
);
COMMENT ON TABLE ops.share__delivery IS '共享台账 / what was given to whom (RS13), kept for three years and longer';

CREATE TABLE IF NOT EXISTS ops.share__correction (
  correction_id VARCHAR NOT NULL,
  delivery_no   VARCHAR NOT NULL,        -- the delivery that the recipient doubts
  unit_key      VARCHAR NOT NULL,        -- row in doubt: values of the key columns, no person
  field         VARCHAR NOT NULL,
  received_on   DATE NOT NULL,
  due           DATE NOT NULL,
  answered_on   DATE,
  result        VARCHAR,                 -- corrected | explained | rejected
  result_ref    VARCHAR,                 -- release that corrects it, or number of the explanation
  taken_by      VARCHAR NOT NULL,
  answered_by   VARCHAR
);
COMMENT ON TABLE ops.share__correction IS '校核纠错 / doubts of recipients and what came of them (RS06)';
