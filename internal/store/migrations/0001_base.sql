CREATE TABLE pools (
	id       TEXT {{C}} NOT NULL PRIMARY KEY,
	region   TEXT NOT NULL,
	name     TEXT NOT NULL,
	settings TEXT NOT NULL,
	created  BIGINT NOT NULL,
	modified BIGINT NOT NULL
);

CREATE TABLE clients (
	id       TEXT {{C}} NOT NULL PRIMARY KEY,
	pool_id  TEXT {{C}} NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
	name     TEXT NOT NULL,
	settings TEXT NOT NULL,
	created  BIGINT NOT NULL,
	modified BIGINT NOT NULL
);
CREATE INDEX clients_pool ON clients (pool_id, id);

CREATE TABLE client_secrets (
	client_id TEXT {{C}} NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
	id        TEXT {{C}} NOT NULL,
	sealed    BYTEA,
	created   BIGINT NOT NULL,
	PRIMARY KEY (client_id, id)
) {{BYKEY}};

CREATE TABLE signing_keys (
	kid        TEXT {{C}} NOT NULL PRIMARY KEY,
	pool_id    TEXT {{C}} REFERENCES pools (id) ON DELETE CASCADE,
	key_use    TEXT NOT NULL,
	sealed     BYTEA,
	public_key BYTEA,
	created    BIGINT NOT NULL
);
CREATE INDEX signing_keys_pool ON signing_keys (pool_id, created, kid);

CREATE TABLE users (
	id           {{SERIAL}},
	pool_id      TEXT {{C}} NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
	sub          TEXT {{C}} NOT NULL,
	username     TEXT {{C}} NOT NULL,
	username_key TEXT {{C}} NOT NULL,
	status       TEXT {{C}} NOT NULL,
	enabled      BOOLEAN NOT NULL,
	attributes   TEXT NOT NULL,
	extra        TEXT NOT NULL,
	created      BIGINT NOT NULL,
	modified     BIGINT NOT NULL,
	UNIQUE (pool_id, sub)
);
CREATE UNIQUE INDEX users_username_key ON users (pool_id, username_key);
CREATE INDEX users_username ON users (pool_id, username, sub);
CREATE INDEX users_status ON users (pool_id, status, sub);
CREATE INDEX users_enabled ON users (pool_id, enabled, sub);

CREATE TABLE user_search (
	pool_id TEXT {{C}} NOT NULL,
	attr    TEXT {{C}} NOT NULL,
	value   TEXT {{C}} NOT NULL,
	sub     TEXT {{C}} NOT NULL,
	user_id BIGINT NOT NULL,
	PRIMARY KEY (pool_id, attr, value, sub, user_id)
) {{BYKEY}};

CREATE TABLE aliases (
	pool_id TEXT {{C}} NOT NULL,
	attr    TEXT {{C}} NOT NULL,
	alias   TEXT {{C}} NOT NULL,
	sub     TEXT {{C}} NOT NULL,
	PRIMARY KEY (pool_id, attr, alias),
	FOREIGN KEY (pool_id, sub) REFERENCES users (pool_id, sub) ON DELETE CASCADE
) {{BYKEY}};
CREATE INDEX aliases_user ON aliases (pool_id, sub);

CREATE TABLE passwords (
	pool_id   TEXT {{C}} NOT NULL,
	sub       TEXT {{C}} NOT NULL,
	salt      BYTEA,
	sealed    BYTEA,
	temporary BOOLEAN NOT NULL,
	set_at    BIGINT NOT NULL,
	PRIMARY KEY (pool_id, sub),
	FOREIGN KEY (pool_id, sub) REFERENCES users (pool_id, sub) ON DELETE CASCADE
) {{BYKEY}};

CREATE TABLE password_history (
	pool_id   TEXT {{C}} NOT NULL,
	sub       TEXT {{C}} NOT NULL,
	seq       BIGINT NOT NULL,
	salt      BYTEA,
	sealed    BYTEA,
	temporary BOOLEAN NOT NULL,
	set_at    BIGINT NOT NULL,
	PRIMARY KEY (pool_id, sub, seq),
	FOREIGN KEY (pool_id, sub) REFERENCES users (pool_id, sub) ON DELETE CASCADE
) {{BYKEY}};

CREATE TABLE codes (
	pool_id     TEXT {{C}} NOT NULL,
	sub         TEXT {{C}} NOT NULL,
	purpose     TEXT {{C}} NOT NULL,
	attribute   TEXT {{C}} NOT NULL,
	hash        BYTEA,
	value       TEXT NOT NULL,
	destination TEXT NOT NULL,
	created     BIGINT NOT NULL,
	expires     BIGINT NOT NULL,
	PRIMARY KEY (pool_id, sub, purpose, attribute),
	FOREIGN KEY (pool_id, sub) REFERENCES users (pool_id, sub) ON DELETE CASCADE
) {{BYKEY}};
CREATE INDEX codes_expires ON codes (expires);

CREATE TABLE counters (
	pool_id  TEXT {{C}} NOT NULL,
	subject  TEXT {{C}} NOT NULL,
	kind     TEXT {{C}} NOT NULL,
	n        BIGINT NOT NULL,
	since_at BIGINT NOT NULL,
	until_at BIGINT NOT NULL,
	last_at  BIGINT NOT NULL,
	PRIMARY KEY (pool_id, subject, kind)
) {{BYKEY}};
CREATE INDEX counters_last ON counters (last_at);

CREATE TABLE families (
	id         TEXT {{C}} NOT NULL PRIMARY KEY,
	pool_id    TEXT {{C}} NOT NULL,
	sub        TEXT {{C}} NOT NULL,
	client_id  TEXT {{C}} NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
	origin_jti TEXT NOT NULL,
	device_key TEXT NOT NULL,
	scopes     TEXT NOT NULL,
	nonce      BYTEA,
	generation BIGINT NOT NULL,
	auth_time  BIGINT NOT NULL,
	rotated    BIGINT NOT NULL,
	created    BIGINT NOT NULL,
	last_used  BIGINT NOT NULL,
	expires    BIGINT NOT NULL,
	revoked    BIGINT NOT NULL,
	extra      TEXT NOT NULL,
	FOREIGN KEY (pool_id, sub) REFERENCES users (pool_id, sub) ON DELETE CASCADE
) {{BYKEY}};
CREATE INDEX families_user ON families (pool_id, sub, id);
CREATE INDEX families_client ON families (client_id);
CREATE INDEX families_expires ON families (expires);

CREATE TABLE meta (
	name  TEXT {{C}} NOT NULL PRIMARY KEY,
	value BYTEA
) {{BYKEY}};
