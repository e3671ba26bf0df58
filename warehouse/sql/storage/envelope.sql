-- The envelope as it came: who prepared, reviewed, signed and sealed a delivery (RC07, RC08). In the archive beside its file.
CREATE TABLE IF NOT EXISTS ops.envelope__delivery (delivery_id VARCHAR NOT NULL, sha256 VARCHAR NOT NULL);
COMMENT ON TABLE ops.envelope__delivery IS '报送单 / Archived envelope of each delivery, by its hash; the last one that was read';
COMMENT ON COLUMN ops.envelope__delivery.delivery_id IS '批次 / Delivery';
COMMENT ON COLUMN ops.envelope__delivery.sha256 IS '校验值 / SHA-256 of the envelope, its name in the archive';

-- Everything the archive must hold: original and envelope of every delivery.
CREATE OR REPLACE VIEW ops.archived__object AS
SELECT delivery_id, period, 'file' AS kind, sha256 FROM ops.delivery__version
UNION ALL
SELECT e.delivery_id, d.period, 'envelope' AS kind, e.sha256
FROM ops.envelope__delivery AS e JOIN ops.delivery__version AS d ON d.delivery_id = e.delivery_id;
