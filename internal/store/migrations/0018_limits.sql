CREATE TABLE provisioned_limits (
	category TEXT {{C}} NOT NULL PRIMARY KEY,
	rate     BIGINT NOT NULL,
	modified BIGINT NOT NULL
);
