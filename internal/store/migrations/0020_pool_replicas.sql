CREATE TABLE pool_replicas (
	pool_id  TEXT {{C}} NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
	region   TEXT {{C}} NOT NULL,
	status   TEXT {{C}} NOT NULL,
	issuer   TEXT NOT NULL,
	settings TEXT NOT NULL,
	created  BIGINT NOT NULL,
	modified BIGINT NOT NULL,
	PRIMARY KEY (pool_id, region)
) {{BYKEY}};
CREATE INDEX pool_replicas_status ON pool_replicas (status, region, pool_id);
