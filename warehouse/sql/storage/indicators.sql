-- Decisions about indicators: what people record. Rows are only added; account ids, never names.

CREATE TABLE IF NOT EXISTS ops.major__decision (
  seq          BIGINT NOT NULL,
  college_code VARCHAR NOT NULL,
  major_code   VARCHAR NOT NULL,
  year         INTEGER NOT NULL,         -- cohort from which the state holds
  state_code   VARCHAR NOT NULL,         -- list major_state
  reason       VARCHAR NOT NULL,
  decided_by   VARCHAR NOT NULL,
  decided_at   TIMESTAMP NOT NULL
);
COMMENT ON TABLE ops.major__decision IS '专业预警决定 / decisions about majors (items 11, 18)';

CREATE TABLE IF NOT EXISTS ops.task__progress (
  seq         BIGINT NOT NULL,
  item        VARCHAR NOT NULL,
  period      VARCHAR NOT NULL,
  pct_done    INTEGER NOT NULL,
  note        VARCHAR,
  evidence    VARCHAR,                   -- mart that shows it
  recorded_by VARCHAR NOT NULL,
  recorded_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE ops.task__progress IS '任务进展 / progress of the tasks, as their units record it (三·二)';

CREATE TABLE IF NOT EXISTS ops.scorecard__frozen (
  year         INTEGER NOT NULL,
  version      INTEGER NOT NULL,
  release_id   VARCHAR NOT NULL,         -- assessments use approved figures only (rule RU12)
  content_hash VARCHAR NOT NULL,         -- SHA-256 over the rows
  n_rows       INTEGER NOT NULL,
  rows_json    VARCHAR NOT NULL,         -- the scorecard as it was
  reason       VARCHAR,                  -- why a later version was needed
  frozen_by    VARCHAR NOT NULL,
  frozen_at    TIMESTAMP NOT NULL
);
COMMENT ON TABLE ops.scorecard__frozen IS '年度考核成绩单 / yearly scorecards for assessment, never changed (三·一)';
