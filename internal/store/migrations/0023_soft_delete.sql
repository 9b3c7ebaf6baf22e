ALTER TABLE pools ADD COLUMN deleted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE pools ADD COLUMN purge BIGINT NOT NULL DEFAULT 0;
CREATE INDEX pools_deleted ON pools (id) WHERE deleted > 0;
CREATE INDEX pools_purge ON pools (purge) WHERE deleted > 0;
