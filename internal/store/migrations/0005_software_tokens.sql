CREATE TABLE software_tokens (
	pool_id TEXT {{C}} NOT NULL,
	sub     TEXT {{C}} NOT NULL,
	sealed  BYTEA,
	pending BYTEA,
	name    TEXT NOT NULL,
	step    BIGINT NOT NULL,
	PRIMARY KEY (pool_id, sub),
	FOREIGN KEY (pool_id, sub) REFERENCES users (pool_id, sub) ON DELETE CASCADE
) {{BYKEY}};
