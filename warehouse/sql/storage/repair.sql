-- What reading and cleaning did to a delivery: counts per column, and remarks about the file. No values.

CREATE TABLE IF NOT EXISTS ops.repair__delivery_field (
  delivery_id VARCHAR NOT NULL,
  field       VARCHAR NOT NULL,   -- column of the contract; '' for the file as a whole
  dirt        VARCHAR NOT NULL,   -- D01 … D28, docs/dirt.md
  n_cells     BIGINT NOT NULL     -- cells repaired; of a file: lines, headers, line breaks or the file itself
);
COMMENT ON TABLE ops.repair__delivery_field IS '修复计数 / what was repaired in a delivery; the original stays in the archive';

CREATE TABLE IF NOT EXISTS ops.reading_note__delivery (
  delivery_id VARCHAR NOT NULL,
  kind        VARCHAR NOT NULL,   -- unknown_header (drift) | sheets_joined | sheet_left_out | files_joined | file_left_out
  detail      VARCHAR NOT NULL,   -- the header with its digits masked; the number of the sheet or file
  n           BIGINT NOT NULL
);
COMMENT ON TABLE ops.reading_note__delivery IS '读取备注 / what was noticed in a file: headers that no contract knows, parts that were joined or left out';
