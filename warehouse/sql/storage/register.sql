-- What is entered into the registers that this house keeps (reference/register.csv). Rows are only added; a correction is a new
-- version of its record. Account ids, dates, codes and numbers of documents; never a name or a number of a person.

CREATE TABLE IF NOT EXISTS ops.register__entry (
  entry_id    VARCHAR NOT NULL,          -- record and version, e.g. restore_drill-3/v2
  register_id VARCHAR NOT NULL,
  record_id   VARCHAR NOT NULL,          -- register and number, e.g. restore_drill-3
  version     INTEGER NOT NULL,
  kind        VARCHAR NOT NULL,          -- record | nil (nothing to record up to this day) | void (entered by mistake)
  fields      VARCHAR NOT NULL,          -- JSON: field -> value
  reason      VARCHAR,                   -- of a correction
  recorded_by VARCHAR NOT NULL,
  recorded_at TIMESTAMP NOT NULL
);
COMMENT ON TABLE ops.register__entry IS '登记册条目 / entries of the registers that this house keeps; only added, covered by the ledger';

-- What holds now: the newest version of every record that was not entered by mistake.
CREATE OR REPLACE VIEW ops.register__record AS
SELECT * FROM ops.register__entry
QUALIFY row_number() OVER (PARTITION BY record_id ORDER BY version DESC) = 1 AND kind <> 'void';
COMMENT ON VIEW ops.register__record IS '登记册现状 / records and nil statements that hold now';
