ALTER TABLE pools ADD COLUMN deleted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE pools ADD COLUMN purge BIGINT NOT NULL DEFAULT 0;
CREATE INDEX pools_deleted ON pools (id) WHERE deleted > 0;
CREATE INDEX pools_purge ON pools (purge) WHERE deleted > 0;

CREATE TABLE deleted_users (
	pool_id  TEXT {{C}} NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
	sub      TEXT {{C}} NOT NULL,
	username TEXT NOT NULL,
	whole    TEXT NOT NULL,
	deleted  BIGINT NOT NULL,
	purge    BIGINT NOT NULL,
	PRIMARY KEY (pool_id, sub)
) {{BYKEY}};
CREATE INDEX deleted_users_purge ON deleted_users (purge);
