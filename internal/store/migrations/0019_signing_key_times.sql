ALTER TABLE signing_keys ADD COLUMN activates BIGINT NOT NULL DEFAULT 0;
ALTER TABLE signing_keys ADD COLUMN retires BIGINT NOT NULL DEFAULT 0;
CREATE INDEX signing_keys_retires ON signing_keys (retires) WHERE retires > 0;
