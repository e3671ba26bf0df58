-- Packages and what was decided about them. A package is all deliveries of one owner, source and period; every change of state
-- is an entry of ops.ledger__event, and the rows here are covered by it (warehouse/ledger.py). Accounts, codes and counts only.

CREATE TABLE IF NOT EXISTS ops.review__package (
  source        VARCHAR NOT NULL,
  owner         VARCHAR NOT NULL,         -- current code of the county, college code, or code of the province
  period        VARCHAR NOT NULL,
  version       INTEGER NOT NULL,         -- 1, 2 … within (source, owner, period)
  owner_level   VARCHAR NOT NULL,
  upper_unit    VARCHAR NOT NULL,         -- who reviews it: prefecture, or the province for colleges and provincial offices
  state         VARCHAR NOT NULL,         -- reference/review_state.csv
  since         TIMESTAMP NOT NULL,
  due           DATE,                     -- by when the next step should be done
  n_escalated   INTEGER NOT NULL,         -- times that the step was reported as overdue
  n_returned    INTEGER NOT NULL,         -- times that the package was returned, over all versions
  content       VARCHAR NOT NULL,         -- hash over deliveries and their status
  deliveries    VARCHAR NOT NULL,         -- ids, separated by blanks
  is_refused    BOOLEAN NOT NULL,         -- a file of it failed a blocking rule
  n_read        BIGINT NOT NULL,
  n_quarantined BIGINT NOT NULL,
  n_warned      BIGINT NOT NULL,
  preparer      VARCHAR,
  reviewer      VARCHAR,
  actors        VARCHAR NOT NULL,         -- accounts that acted on this version, separated by blanks
  approvals     VARCHAR NOT NULL,         -- accounts of the province that approve it so far
  reason        VARCHAR                   -- of the newest return, reopening or refusal
);
COMMENT ON TABLE ops.review__package IS '报送包 / packages of owner, source and period with their state of review';

CREATE TABLE IF NOT EXISTS ops.review__waiver (
  source     VARCHAR NOT NULL,
  owner      VARCHAR NOT NULL,
  period     VARCHAR NOT NULL,
  reason     VARCHAR NOT NULL,
  account    VARCHAR NOT NULL,
  waived_at  TIMESTAMP NOT NULL
);
COMMENT ON TABLE ops.review__waiver IS '缺报豁免 / expected packages that a roll-up need not wait for, with the reason';

CREATE TABLE IF NOT EXISTS ops.review__held (
  delivery_id VARCHAR NOT NULL,
  why         VARCHAR NOT NULL            -- frozen: its package is approved already; cutoff: not approved in time; withdrawn
);
COMMENT ON TABLE ops.review__held IS '暂不生效 / accepted deliveries that are not in force until their package is reopened or approved';

CREATE TABLE IF NOT EXISTS ops.restatement__delivery (
  delivery_id      VARCHAR NOT NULL,      -- the newer delivery
  source           VARCHAR NOT NULL,
  owner            VARCHAR NOT NULL,
  period           VARCHAR NOT NULL,
  part             VARCHAR NOT NULL,
  version          INTEGER NOT NULL,
  previous_id      VARCHAR NOT NULL,
  previous_version INTEGER NOT NULL,
  n_before         BIGINT NOT NULL,
  n_after          BIGINT NOT NULL,
  n_added          BIGINT NOT NULL,
  n_deleted        BIGINT NOT NULL,
  n_changed        BIGINT NOT NULL,
  columns          VARCHAR NOT NULL,      -- JSON: column -> rows in which it changed
  reason           VARCHAR NOT NULL,
  made_at          TIMESTAMP NOT NULL
);
COMMENT ON TABLE ops.restatement__delivery IS '更正对照 / a corrected delivery against the version before it, rows paired by their identity; counts only';

-- The newest judged version that holds a delivery decides: what a replay added after an approval is not approved.
CREATE OR REPLACE VIEW ops.review__approved AS
SELECT delivery_id, arg_max(is_frozen, version) AS is_frozen
FROM (
  SELECT unnest(string_split(p.deliveries, ' ')) AS delivery_id, p.version, s.is_approved AS is_frozen,
         s.is_approved OR p.state = 'reopened' AS is_approved
  FROM ops.review__package AS p JOIN ref.review_state AS s ON s.state = p.state
  WHERE p.state <> 'draft' AND NOT p.is_refused
) AS held
GROUP BY delivery_id HAVING arg_max(is_approved, version);
COMMENT ON VIEW ops.review__approved IS '已审定的报送件 / deliveries of approved, published or reopened packages';

-- The steps of review, read from the ledger.
CREATE OR REPLACE VIEW ops.review__step AS
SELECT seq, occurred_at, substr(event, 8) AS event, subject,
       detail ->> '$.source' AS source, detail ->> '$.owner' AS owner, detail ->> '$.period' AS period,
       (detail ->> '$.version')::INTEGER AS version, detail ->> '$.from' AS from_state, detail ->> '$.to' AS to_state,
       detail ->> '$.account' AS account, detail ->> '$.unit' AS unit, detail ->> '$.role' AS role,
       detail ->> '$.reason' AS reason, detail ->> '$.comment' AS comment, hash
FROM ops.ledger__event WHERE event LIKE 'review.%';
