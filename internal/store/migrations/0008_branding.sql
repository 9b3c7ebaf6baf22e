CREATE TABLE classic_styles (
	pool_id    TEXT {{C}} NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
	owner      TEXT {{C}} NOT NULL,
	client_id  TEXT {{C}} REFERENCES clients (id) ON DELETE CASCADE,
	css        TEXT NOT NULL,
	css_hash   TEXT {{C}} NOT NULL,
	image_kind TEXT NOT NULL,
	image_hash TEXT {{C}} NOT NULL,
	image      BYTEA,
	created    BIGINT NOT NULL,
	modified   BIGINT NOT NULL,
	PRIMARY KEY (pool_id, owner)
);
CREATE INDEX classic_styles_client ON classic_styles (client_id);
CREATE INDEX classic_styles_css ON classic_styles (pool_id, css_hash);
CREATE INDEX classic_styles_image ON classic_styles (pool_id, image_hash);

CREATE TABLE brandings (
	id        TEXT {{C}} NOT NULL PRIMARY KEY,
	pool_id   TEXT {{C}} NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
	client_id TEXT {{C}} NOT NULL UNIQUE REFERENCES clients (id) ON DELETE CASCADE,
	provided  BOOLEAN NOT NULL,
	settings  TEXT NOT NULL,
	created   BIGINT NOT NULL,
	modified  BIGINT NOT NULL
);
CREATE INDEX brandings_pool ON brandings (pool_id);

CREATE TABLE branding_assets (
	branding_id TEXT {{C}} NOT NULL REFERENCES brandings (id) ON DELETE CASCADE,
	category    TEXT {{C}} NOT NULL,
	color_mode  TEXT {{C}} NOT NULL,
	resource_id TEXT {{C}} NOT NULL,
	pool_id     TEXT {{C}} NOT NULL,
	kind        TEXT NOT NULL,
	hash        TEXT {{C}} NOT NULL,
	body        BYTEA,
	PRIMARY KEY (branding_id, category, color_mode, resource_id)
);
CREATE INDEX branding_assets_image ON branding_assets (pool_id, hash);

CREATE TABLE terms (
	id        TEXT {{C}} NOT NULL PRIMARY KEY,
	pool_id   TEXT {{C}} NOT NULL REFERENCES pools (id) ON DELETE CASCADE,
	client_id TEXT {{C}} NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
	name      TEXT {{C}} NOT NULL,
	settings  TEXT NOT NULL,
	created   BIGINT NOT NULL,
	modified  BIGINT NOT NULL,
	UNIQUE (client_id, name)
);
CREATE INDEX terms_pool ON terms (pool_id, id);
