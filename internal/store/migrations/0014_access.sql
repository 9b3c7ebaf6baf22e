CREATE TABLE access_keys (
	id      TEXT {{C}} NOT NULL PRIMARY KEY,
	name    TEXT NOT NULL,
	sealed  BYTEA NOT NULL,
	policy  TEXT NOT NULL,
	enabled BOOLEAN NOT NULL,
	created BIGINT NOT NULL
);

CREATE TABLE roles (
	arn      TEXT {{C}} NOT NULL PRIMARY KEY,
	policy   TEXT NOT NULL,
	modified BIGINT NOT NULL
);
