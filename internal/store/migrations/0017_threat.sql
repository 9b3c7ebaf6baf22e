CREATE TABLE risk_configurations (
	pool_id   TEXT {{C}} NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
	owner     TEXT {{C}} NOT NULL,
	client_id TEXT {{C}} REFERENCES clients (id) ON DELETE CASCADE,
	document  TEXT NOT NULL,
	modified  BIGINT NOT NULL,
	PRIMARY KEY (pool_id, owner)
) {{BYKEY}};
CREATE INDEX risk_configurations_client ON risk_configurations (client_id);
CREATE TABLE auth_events (
	pool_id     TEXT {{C}} NOT NULL,
	sub         TEXT {{C}} NOT NULL,
	id          TEXT {{C}} NOT NULL,
	client_id   TEXT NOT NULL,
	kind        TEXT NOT NULL,
	response    TEXT NOT NULL,
	decision    TEXT NOT NULL,
	level       TEXT NOT NULL,
	compromised BOOLEAN NOT NULL,
	network     TEXT NOT NULL,
	device      TEXT NOT NULL,
	teaches     BOOLEAN NOT NULL,
	context     TEXT NOT NULL,
	challenges  TEXT NOT NULL,
	feedback    TEXT NOT NULL,
	feedback_by TEXT NOT NULL,
	feedback_at BIGINT NOT NULL,
	created     BIGINT NOT NULL,
	expires     BIGINT NOT NULL,
	PRIMARY KEY (pool_id, sub, created, id),
	UNIQUE (pool_id, sub, id),
	FOREIGN KEY (pool_id, sub) REFERENCES users (pool_id, sub) ON DELETE CASCADE
) {{BYKEY}};
CREATE INDEX auth_events_teaching ON auth_events (pool_id, sub, created, id) WHERE teaches;
CREATE INDEX auth_events_expires ON auth_events (expires);
