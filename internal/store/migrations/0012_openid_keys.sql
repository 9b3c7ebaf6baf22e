CREATE TABLE openid_keys (
	kid        TEXT {{C}} NOT NULL PRIMARY KEY,
	sealed     BYTEA,
	public_key BYTEA,
	created    BIGINT NOT NULL
);

-- The logins of an identity stand together: by the old key SQLite read those of the whole pool to find them.
CREATE TABLE identity_logins_new (
	pool_id     TEXT {{C}} NOT NULL,
	identity_id TEXT {{C}} NOT NULL,
	developer   BOOLEAN NOT NULL,
	provider    TEXT {{C}} NOT NULL,
	user_key    TEXT {{C}} NOT NULL,
	user_id     TEXT NOT NULL,
	created     BIGINT NOT NULL,
	PRIMARY KEY (pool_id, identity_id, developer, provider, user_key),
	FOREIGN KEY (pool_id, identity_id) REFERENCES pool_identities (pool_id, id) ON DELETE CASCADE
) {{BYKEY}};
INSERT INTO identity_logins_new (pool_id, identity_id, developer, provider, user_key, user_id, created)
	SELECT pool_id, identity_id, developer, provider, user_key, user_id, created FROM identity_logins;
DROP TABLE identity_logins;
ALTER TABLE identity_logins_new RENAME TO identity_logins;
CREATE UNIQUE INDEX identity_logins_user ON identity_logins (pool_id, developer, provider, user_key);
