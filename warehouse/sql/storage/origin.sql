-- Whether the persons of a delivery are real: citizen ids with a right check character, and those of areas that never were. Counts.

CREATE TABLE IF NOT EXISTS ops.origin__delivery (
  delivery_id VARCHAR NOT NULL,
  n_ids       BIGINT NOT NULL,
  n_synthetic BIGINT NOT NULL
);
COMMENT ON TABLE ops.origin__delivery IS '数据来历 / valid citizen ids per delivery, and those that only synthetic persons have (reference/synthetic_area.csv)';
