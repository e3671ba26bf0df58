-- The living register of faults, the returns that told of them, and the replies. Keys, dates and counts only.

CREATE TABLE IF NOT EXISTS ops.fault__identity (
  fault_id           VARCHAR NOT NULL,      -- 16 hex digits over source, owner, record, rule, field and copy
  source             VARCHAR NOT NULL,
  owner              VARCHAR NOT NULL,
  part               VARCHAR NOT NULL,      -- part in which it was last seen
  record_key         VARCHAR NOT NULL,      -- keyed token of the record, see warehouse/returns/register.py
  rule_id            VARCHAR NOT NULL,
  field              VARCHAR,
  severity           VARCHAR NOT NULL,
  status             VARCHAR NOT NULL,      -- open | fixed | accepted | replayed
  first_period       VARCHAR NOT NULL,
  first_delivery_id  VARCHAR NOT NULL,
  first_seen_on      DATE NOT NULL,         -- day of receipt
  last_period        VARCHAR NOT NULL,
  last_delivery_id   VARCHAR NOT NULL,
  last_seen_on       DATE NOT NULL,
  opened_on          DATE NOT NULL,         -- first seen, or came back
  closed_period      VARCHAR,
  closed_delivery_id VARCHAR,
  closed_on          DATE,
  n_reopened         INTEGER NOT NULL,
  decision           VARCHAR,               -- accepted | rejected
  decided_by         VARCHAR,
  decided_at         TIMESTAMP
);
COMMENT ON TABLE ops.fault__identity IS '问题登记册 / one line per fault, from the day it was first seen until the next version no longer shows it';

CREATE TABLE IF NOT EXISTS ops.fault_sighting__fault_delivery (
  fault_id    VARCHAR NOT NULL,
  delivery_id VARCHAR NOT NULL,
  row_no      BIGINT                        -- none for a fault of the file or of a group of rows
);
COMMENT ON TABLE ops.fault_sighting__fault_delivery IS '问题出现 / in which delivery and row a fault was seen';

CREATE TABLE IF NOT EXISTS ops.return__issue (
  return_id  VARCHAR NOT NULL,
  owner      VARCHAR NOT NULL,
  period     VARCHAR NOT NULL,
  school_id  VARCHAR NOT NULL,              -- '' = the whole owner
  round      INTEGER NOT NULL,
  content    VARCHAR NOT NULL,              -- hash over the faults: the same faults are the same return
  n_records  INTEGER NOT NULL,
  n_faults   INTEGER NOT NULL,
  due_on     DATE NOT NULL,
  written_by VARCHAR NOT NULL,
  written_on DATE NOT NULL
);
COMMENT ON TABLE ops.return__issue IS '退回单 / return workbooks that were written';

CREATE TABLE IF NOT EXISTS ops.return_item__fault (
  return_id VARCHAR NOT NULL,
  item_no   VARCHAR NOT NULL,               -- one item per record
  fault_id  VARCHAR NOT NULL
);
COMMENT ON TABLE ops.return_item__fault IS '退回项目 / which faults each item of a return told of';

CREATE TABLE IF NOT EXISTS ops.fault_reply__fault (
  fault_id    VARCHAR NOT NULL,
  return_id   VARCHAR NOT NULL,
  item_no     VARCHAR NOT NULL,
  reply       VARCHAR NOT NULL,             -- corrected | true_value | moved_away | exemption
  note_hash   VARCHAR,                      -- keyed hash; the words lie in the encrypted archive only
  replied_by  VARCHAR NOT NULL,
  replied_at  TIMESTAMP NOT NULL,
  file_sha256 VARCHAR NOT NULL
);
COMMENT ON TABLE ops.fault_reply__fault IS '整改回复 / replies of the owners, by fault';

-- What a fault has come to: last reply, number of returns, whether somebody must decide, whether it goes to the upper leader.
CREATE OR REPLACE VIEW ops.fault_state__fault AS
WITH returned AS (
  SELECT i.fault_id, count(DISTINCT i.return_id) AS n_returned
  FROM ops.return_item__fault AS i JOIN ops.return__issue AS r ON r.return_id = i.return_id
  -- a school's own workbook repeats what the owner's says
  WHERE r.school_id = '' GROUP BY i.fault_id
),
replied AS (
  SELECT fault_id, arg_max(reply, replied_at) AS reply, max(replied_at) AS replied_at,
         arg_max(replied_by, replied_at) AS replied_by, arg_max(return_id, replied_at) AS return_id,
         arg_max(item_no, replied_at) AS item_no
  FROM ops.fault_reply__fault GROUP BY fault_id
)
SELECT f.*, coalesce(t.n_returned, 0) AS n_returned, p.reply, p.replied_by, p.replied_at, p.return_id, p.item_no,
       f.status = 'open' AND p.reply IS NOT NULL AND p.reply <> 'corrected'
         AND (f.decided_at IS NULL OR f.decided_at < p.replied_at) AS awaits_decision,
       f.status = 'open' AND coalesce(t.n_returned, 0) >=
         (SELECT value FROM ref.threshold WHERE threshold_id = 'return_escalation_rounds') AS is_escalated
FROM ops.fault__identity AS f
LEFT JOIN returned AS t ON t.fault_id = f.fault_id
LEFT JOIN replied AS p ON p.fault_id = f.fault_id;
COMMENT ON VIEW ops.fault_state__fault IS '问题状态 / faults with their last reply, number of returns, pending decision and escalation';

CREATE OR REPLACE VIEW ops.fault_repair__owner_source AS
SELECT owner, source, count(*) AS n_faults,
       count(*) FILTER (status = 'open') AS n_open, count(*) FILTER (status = 'fixed') AS n_fixed,
       count(*) FILTER (status = 'accepted') AS n_accepted, count(*) FILTER (status = 'replayed') AS n_replayed,
       count(*) FILTER (n_reopened > 0) AS n_reopened,
       -- replayed faults were repaired by the data centre, and say nothing of the owner
       median(closed_on - opened_on) FILTER (status = 'fixed') AS median_days_to_fix,
       avg(closed_on - opened_on) FILTER (status = 'fixed') AS mean_days_to_fix,
       max(current_date - opened_on) FILTER (status = 'open') AS oldest_open_days
FROM ops.fault__identity GROUP BY owner, source;
COMMENT ON VIEW ops.fault_repair__owner_source IS '整改时效 / open and repaired faults and days to repair, by owner and source';
