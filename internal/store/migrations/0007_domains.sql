CREATE TABLE domains (
	name     TEXT {{C}} NOT NULL,
	pool_id  TEXT {{C}} NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
	custom   BOOLEAN NOT NULL,
	settings TEXT NOT NULL,
	PRIMARY KEY (name),
	UNIQUE (pool_id, custom)
) {{BYKEY}};
