-- The person index: which record shows which person, since when, why and by whom. Tokens and keys only.
-- Rows of the history are only added; a merge is a redirect, a split gives new links.

CREATE TABLE IF NOT EXISTS core.person_profile__row (
  source       VARCHAR NOT NULL,
  delivery_id  VARCHAR NOT NULL,
  row_no       BIGINT NOT NULL,
  profile      UUID NOT NULL
);
COMMENT ON TABLE core.person_profile__row IS '来源行的档案 / The profile that a source row shows: keyed token of source, own numbers, id, name, birth, sex';

CREATE TABLE IF NOT EXISTS core.person__id (
  person_id      UUID NOT NULL,
  created_period VARCHAR NOT NULL,
  status         VARCHAR NOT NULL,
  merged_into    UUID
);
COMMENT ON TABLE core.person__id IS '人员登记 / Persons; issued once, never derived from an identity number; merged_into is always a living person';

CREATE TABLE IF NOT EXISTS core.person_link__history (
  seq           BIGINT NOT NULL,
  link_id       UUID NOT NULL,
  source        VARCHAR NOT NULL,
  profile       UUID NOT NULL,
  person_id     UUID NOT NULL,
  tier          VARCHAR NOT NULL,
  score         DOUBLE,
  evidence      VARCHAR NOT NULL,
  model_version VARCHAR NOT NULL,
  decided_by    VARCHAR NOT NULL,
  valid_from    VARCHAR NOT NULL
);
COMMENT ON TABLE core.person_link__history IS '人员链接(历史) / Links of profiles to persons; append-only, the last one of a profile holds';
COMMENT ON COLUMN core.person_link__history.tier IS 'N 新人 / first of a person; K same number; T1 id and name; T2 repaired id; T3 name, birth, sex, county; T4 reading, guardian, birth; T5 id, birth, half the name; S Splink; D decided';

CREATE OR REPLACE VIEW core.person_link__link AS
SELECT h.*, lead(h.valid_from) OVER (PARTITION BY h.profile ORDER BY h.seq) AS valid_to,
       row_number() OVER (PARTITION BY h.profile ORDER BY h.seq DESC) = 1 AS is_current
FROM core.person_link__history AS h;

CREATE TABLE IF NOT EXISTS core.person_review__pair (
  review_id     UUID NOT NULL,
  kind          VARCHAR NOT NULL,
  left_profile  UUID NOT NULL,
  right_profile UUID NOT NULL,
  score         DOUBLE,
  evidence      VARCHAR NOT NULL,
  model_version VARCHAR NOT NULL,
  opened_period VARCHAR NOT NULL
);
COMMENT ON TABLE core.person_review__pair IS '待人工判定 / Pairs of profiles that only a person may decide; open while no decision names them';

CREATE TABLE IF NOT EXISTS core.person_decision__pair (
  seq           BIGINT NOT NULL,
  left_profile  UUID NOT NULL,
  right_profile UUID NOT NULL,
  verdict       VARCHAR NOT NULL,
  decided_by    VARCHAR NOT NULL,
  decided_on    DATE NOT NULL,
  reason        VARCHAR NOT NULL
);
COMMENT ON TABLE core.person_decision__pair IS '人工判定 / Decisions on pairs of profiles (same, different); the last one holds; applied before matching on every load';

CREATE TABLE IF NOT EXISTS core.person_quality__record (
  sample_id   VARCHAR NOT NULL,
  link_id     UUID NOT NULL,
  tier        VARCHAR NOT NULL,
  ethnic      VARCHAR NOT NULL,
  verdict     VARCHAR,
  judged_by   VARCHAR,
  judged_on   DATE
);
COMMENT ON TABLE core.person_quality__record IS '年度抽查 / Links drawn for the yearly clerical check, and what the clerk found (right, wrong, unsure)';

CREATE TABLE IF NOT EXISTS core.person_error__facet (
  period   VARCHAR NOT NULL,
  facet    VARCHAR NOT NULL,
  value    VARCHAR NOT NULL,
  n_found  BIGINT NOT NULL,
  n_wrong  BIGINT NOT NULL,
  n_true   BIGINT
);
COMMENT ON TABLE core.person_error__facet IS '示例数据误差 / Links of a sample province against its truth: pairs of records of two sources, all, per tier and kind of defect';
