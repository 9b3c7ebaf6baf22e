CREATE TABLE user_groups (
	pool_id     TEXT {{C}} NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
	name        TEXT {{C}} NOT NULL,
	description TEXT NOT NULL,
	role_arn    TEXT NOT NULL,
	precedence  BIGINT,
	created     BIGINT NOT NULL,
	modified    BIGINT NOT NULL,
	PRIMARY KEY (pool_id, name)
) {{BYKEY}};

CREATE TABLE group_members (
	pool_id    TEXT {{C}} NOT NULL,
	sub        TEXT {{C}} NOT NULL,
	group_name TEXT {{C}} NOT NULL,
	PRIMARY KEY (pool_id, sub, group_name),
	FOREIGN KEY (pool_id, sub) REFERENCES users (pool_id, sub) ON DELETE CASCADE,
	FOREIGN KEY (pool_id, group_name) REFERENCES user_groups (pool_id, name) ON DELETE CASCADE
) {{BYKEY}};
CREATE INDEX group_members_group ON group_members (pool_id, group_name, sub);
