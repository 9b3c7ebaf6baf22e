CREATE TABLE import_jobs (
	pool_id   TEXT {{C}} NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
	id        TEXT {{C}} NOT NULL,
	name      TEXT NOT NULL,
	role      TEXT NOT NULL,
	algorithm TEXT NOT NULL,
	status    TEXT {{C}} NOT NULL,
	message   TEXT NOT NULL,
	imported  BIGINT NOT NULL,
	skipped   BIGINT NOT NULL,
	failed    BIGINT NOT NULL,
	upload    TEXT {{C}} NOT NULL,
	size      BIGINT NOT NULL,
	position  BIGINT NOT NULL,
	line      BIGINT NOT NULL,
	owner     TEXT NOT NULL,
	due       BIGINT NOT NULL,
	created   BIGINT NOT NULL,
	started   BIGINT NOT NULL,
	completed BIGINT NOT NULL,
	PRIMARY KEY (pool_id, id)
);
CREATE INDEX import_jobs_created ON import_jobs (pool_id, created, id);
CREATE INDEX import_jobs_pool_status ON import_jobs (pool_id, status);
CREATE INDEX import_jobs_status ON import_jobs (status, created);
CREATE INDEX import_jobs_upload ON import_jobs (upload);
CREATE UNIQUE INDEX import_jobs_active ON import_jobs (pool_id) WHERE due > 0;
CREATE INDEX import_jobs_due ON import_jobs (due) WHERE due > 0;

CREATE TABLE import_chunks (
	pool_id TEXT {{C}} NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
	upload  TEXT {{C}} NOT NULL,
	seq     BIGINT NOT NULL,
	sealed  BYTEA,
	created BIGINT NOT NULL,
	PRIMARY KEY (pool_id, upload, seq)
);
CREATE INDEX import_chunks_created ON import_chunks (created);

CREATE TABLE import_logs (
	pool_id TEXT {{C}} NOT NULL,
	job_id  TEXT {{C}} NOT NULL,
	seq     BIGINT NOT NULL,
	lines   BYTEA,
	created BIGINT NOT NULL,
	PRIMARY KEY (pool_id, job_id, seq),
	FOREIGN KEY (pool_id, job_id) REFERENCES import_jobs (pool_id, id) ON DELETE CASCADE
);
CREATE INDEX import_logs_created ON import_logs (created);
