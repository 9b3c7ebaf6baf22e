CREATE TABLE identity_pools (
	id       TEXT {{C}} NOT NULL PRIMARY KEY,
	region   TEXT {{C}} NOT NULL,
	name     TEXT NOT NULL,
	settings TEXT NOT NULL,
	created  BIGINT NOT NULL,
	modified BIGINT NOT NULL
);

CREATE TABLE pool_identities (
	pool_id  TEXT {{C}} NOT NULL REFERENCES identity_pools (id) ON DELETE CASCADE,
	id       TEXT {{C}} NOT NULL UNIQUE,
	enabled  BOOLEAN NOT NULL,
	created  BIGINT NOT NULL,
	modified BIGINT NOT NULL,
	PRIMARY KEY (pool_id, id)
) {{BYKEY}};
CREATE INDEX pool_identities_enabled ON pool_identities (pool_id, enabled, id);

CREATE TABLE identity_logins (
	pool_id     TEXT {{C}} NOT NULL,
	developer   BOOLEAN NOT NULL,
	provider    TEXT {{C}} NOT NULL,
	user_key    TEXT {{C}} NOT NULL,
	user_id     TEXT NOT NULL,
	identity_id TEXT {{C}} NOT NULL,
	created     BIGINT NOT NULL,
	PRIMARY KEY (pool_id, developer, provider, user_key),
	FOREIGN KEY (pool_id, identity_id) REFERENCES pool_identities (pool_id, id) ON DELETE CASCADE
) {{BYKEY}};
CREATE INDEX identity_logins_identity ON identity_logins (pool_id, identity_id, developer, provider, user_key);
