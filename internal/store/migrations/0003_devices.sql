CREATE TABLE devices (
	pool_id       TEXT {{C}} NOT NULL,
	sub           TEXT {{C}} NOT NULL,
	device_key    TEXT {{C}} NOT NULL,
	group_key     TEXT NOT NULL,
	name          TEXT NOT NULL,
	salt          BYTEA,
	sealed        BYTEA,
	remembered    TEXT {{C}} NOT NULL,
	last_ip       TEXT NOT NULL,
	created       BIGINT NOT NULL,
	modified      BIGINT NOT NULL,
	authenticated BIGINT NOT NULL,
	PRIMARY KEY (pool_id, sub, device_key),
	FOREIGN KEY (pool_id, sub) REFERENCES users (pool_id, sub) ON DELETE CASCADE
) {{BYKEY}};
CREATE INDEX devices_remembered ON devices (pool_id, sub, remembered);
