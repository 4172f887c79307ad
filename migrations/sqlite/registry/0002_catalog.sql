-- Who may see what under which name: repositories, their manifests, blobs, tags, and uploads under way.
-- A repository's name is TENANT/name; the tenant stands beside it in every row.

CREATE TABLE repositories (
    name TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);

CREATE INDEX repositories_by_tenant ON repositories (tenant, name);

CREATE TABLE repository_manifests (
    repository TEXT NOT NULL REFERENCES repositories (name),
    digest TEXT NOT NULL REFERENCES manifests (digest),
    tenant TEXT NOT NULL,
    -- As this repository's client named it; the same bytes may have come under another type elsewhere.
    media_type TEXT NOT NULL,
    pushed_ms BIGINT NOT NULL,
    pushed_by TEXT NOT NULL,
    PRIMARY KEY (repository, digest)
);

CREATE INDEX repository_manifests_by_digest ON repository_manifests (digest);
CREATE INDEX manifests_by_subject ON manifests (subject, digest) WHERE subject IS NOT NULL;

CREATE TABLE repository_blobs (
    repository TEXT NOT NULL REFERENCES repositories (name),
    digest TEXT NOT NULL REFERENCES blobs (digest),
    tenant TEXT NOT NULL,
    -- Last time that it was linked, or that a manifest which needs it was deleted: its grace counts from here.
    touched_ms BIGINT NOT NULL,
    -- Promised to a client by HEAD, mount or a finished upload: until then the link stays without a manifest.
    leased_until_ms BIGINT NOT NULL,
    PRIMARY KEY (repository, digest)
);

CREATE INDEX repository_blobs_by_digest ON repository_blobs (digest, tenant);

CREATE TABLE tags (
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    tenant TEXT NOT NULL,
    digest TEXT NOT NULL,
    moved_ms BIGINT NOT NULL,
    moved_by TEXT NOT NULL,
    PRIMARY KEY (repository, tag),
    FOREIGN KEY (repository, digest) REFERENCES repository_manifests (repository, digest)
);

CREATE INDEX tags_by_digest ON tags (repository, digest);

-- Each move of a tag, oldest first by number. No old digest: the tag was made; no new one: it was removed.
CREATE TABLE tag_history (
    repository TEXT NOT NULL,
    tag TEXT NOT NULL,
    number BIGINT NOT NULL,
    tenant TEXT NOT NULL,
    old_digest TEXT,
    new_digest TEXT,
    moved_ms BIGINT NOT NULL,
    moved_by TEXT NOT NULL,
    PRIMARY KEY (repository, tag, number)
);

-- What was deleted from a repository and can still be brought back.
CREATE TABLE tombstones (
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('blob', 'manifest')),
    tenant TEXT NOT NULL,
    media_type TEXT,
    deleted_ms BIGINT NOT NULL,
    deleted_by TEXT NOT NULL,
    PRIMARY KEY (repository, digest, role)
);

CREATE INDEX tombstones_by_digest ON tombstones (digest, role);

-- Uploads under way; the bytes so far are the file uploads/<id>.
CREATE TABLE uploads (
    id TEXT NOT NULL PRIMARY KEY,
    repository TEXT NOT NULL,
    tenant TEXT NOT NULL,
    started_ms BIGINT NOT NULL,
    started_by TEXT NOT NULL
);

CREATE INDEX uploads_by_age ON uploads (started_ms);
