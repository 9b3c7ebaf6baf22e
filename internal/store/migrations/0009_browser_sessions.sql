CREATE TABLE authorization_codes (
	hash      TEXT {{C}} NOT NULL PRIMARY KEY,
	flow      TEXT {{C}} NOT NULL,
	pool_id   TEXT {{C}} NOT NULL,
	sub       TEXT {{C}} NOT NULL,
	client_id TEXT {{C}} NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
	expires   BIGINT NOT NULL,
	request   TEXT NOT NULL,
	FOREIGN KEY (pool_id, sub) REFERENCES users (pool_id, sub) ON DELETE CASCADE
) {{BYKEY}};
CREATE INDEX authorization_codes_user ON authorization_codes (pool_id, sub);
CREATE INDEX authorization_codes_client ON authorization_codes (client_id);
CREATE INDEX authorization_codes_expires ON authorization_codes (expires);

CREATE TABLE login_sessions (
	hash      TEXT {{C}} NOT NULL PRIMARY KEY,
	flow      TEXT {{C}} NOT NULL UNIQUE,
	pool_id   TEXT {{C}} NOT NULL,
	sub       TEXT {{C}} NOT NULL,
	created   BIGINT NOT NULL,
	expires   BIGINT NOT NULL,
	ended     BIGINT NOT NULL,
	extra     TEXT NOT NULL,
	FOREIGN KEY (pool_id, sub) REFERENCES users (pool_id, sub) ON DELETE CASCADE
) {{BYKEY}};
CREATE INDEX login_sessions_user ON login_sessions (pool_id, sub, created, hash);
CREATE INDEX login_sessions_expires ON login_sessions (expires);
