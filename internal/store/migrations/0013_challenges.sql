CREATE TABLE challenges (
	flow     TEXT {{C}} NOT NULL PRIMARY KEY,
	pool_id  TEXT {{C}} NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
	answered BIGINT NOT NULL,
	state    BYTEA,
	expires  BIGINT NOT NULL
) {{BYKEY}};
CREATE INDEX challenges_pool ON challenges (pool_id);
CREATE INDEX challenges_expires ON challenges (expires);
