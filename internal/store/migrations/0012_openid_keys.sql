CREATE TABLE openid_keys (
	kid        TEXT {{C}} NOT NULL PRIMARY KEY,
	sealed     BYTEA,
	public_key BYTEA,
	created    BIGINT NOT NULL
);
