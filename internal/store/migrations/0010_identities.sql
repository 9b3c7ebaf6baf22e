CREATE TABLE identity_providers (
	pool_id  TEXT {{C}} NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
	name     TEXT {{C}} NOT NULL,
	kind     TEXT {{C}} NOT NULL,
	details  BYTEA,
	mapping  TEXT NOT NULL,
	keys     BYTEA,
	created  BIGINT NOT NULL,
	modified BIGINT NOT NULL,
	PRIMARY KEY (pool_id, name)
);

CREATE TABLE identity_provider_identifiers (
	pool_id    TEXT {{C}} NOT NULL,
	identifier TEXT {{C}} NOT NULL,
	provider   TEXT {{C}} NOT NULL,
	PRIMARY KEY (pool_id, identifier),
	FOREIGN KEY (pool_id, provider) REFERENCES identity_providers (pool_id, name) ON DELETE CASCADE
) {{BYKEY}};
CREATE INDEX identity_provider_identifiers_provider ON identity_provider_identifiers (pool_id, provider, identifier);

CREATE TABLE federation_keys (
	pool_id TEXT {{C}} NOT NULL PRIMARY KEY REFERENCES pools (id) ON DELETE CASCADE,
	sealed  BYTEA
);

CREATE TABLE user_identities (
	pool_id   TEXT {{C}} NOT NULL,
	provider  TEXT {{C}} NOT NULL,
	attribute TEXT {{C}} NOT NULL,
	value     TEXT {{C}} NOT NULL,
	kind      TEXT NOT NULL,
	sub       TEXT {{C}} NOT NULL,
	own       BOOLEAN NOT NULL,
	issuer    TEXT NOT NULL,
	created   BIGINT NOT NULL,
	PRIMARY KEY (pool_id, provider, attribute, value),
	FOREIGN KEY (pool_id, sub) REFERENCES users (pool_id, sub) ON DELETE CASCADE
) {{BYKEY}};
CREATE INDEX user_identities_user ON user_identities (pool_id, sub, created, provider, attribute, value);

CREATE TABLE used_assertions (
	pool_id  TEXT {{C}} NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
	provider TEXT {{C}} NOT NULL,
	id       TEXT {{C}} NOT NULL,
	expires  BIGINT NOT NULL,
	PRIMARY KEY (pool_id, provider, id)
) {{BYKEY}};
CREATE INDEX used_assertions_expires ON used_assertions (expires);
