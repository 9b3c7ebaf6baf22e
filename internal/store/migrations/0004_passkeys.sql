CREATE TABLE passkeys (
	pool_id       TEXT {{C}} NOT NULL,
	id            TEXT {{C}} NOT NULL,
	sub           TEXT {{C}} NOT NULL,
	relying_party TEXT {{C}} NOT NULL,
	public_key    BYTEA,
	attachment    TEXT NOT NULL,
	transports    TEXT NOT NULL,
	flags         BIGINT NOT NULL,
	sign_count    BIGINT NOT NULL,
	created       BIGINT NOT NULL,
	last_used     BIGINT NOT NULL,
	PRIMARY KEY (pool_id, id),
	FOREIGN KEY (pool_id, sub) REFERENCES users (pool_id, sub) ON DELETE CASCADE
) {{BYKEY}};
CREATE INDEX passkeys_user ON passkeys (pool_id, sub, id);
