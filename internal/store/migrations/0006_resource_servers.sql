CREATE TABLE resource_servers (
	pool_id    TEXT {{C}} NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
	identifier TEXT {{C}} NOT NULL,
	name       TEXT NOT NULL,
	scopes     TEXT NOT NULL,
	PRIMARY KEY (pool_id, identifier)
) {{BYKEY}};
