CREATE TABLE blobs (
    digest TEXT NOT NULL PRIMARY KEY,
    size BIGINT NOT NULL CHECK (size >= 0),
    media_type TEXT,
    created_ms BIGINT NOT NULL,
    -- Last time that it was put, or that something stopped referring to it: its grace counts from here.
    touched_ms BIGINT NOT NULL,
    -- Until then it stays, whatever refers to it: time for a client to finish what it began.
    leased_until_ms BIGINT NOT NULL
);
CREATE TABLE holds (
    owner TEXT NOT NULL,
    digest TEXT NOT NULL,
    held_ms BIGINT NOT NULL,
    PRIMARY KEY (owner, digest)
);
CREATE INDEX holds_by_digest ON holds (digest, owner);
CREATE TABLE manifest_claims (
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    -- A user, or a step of a run: `run:RUN/STEP`.
    publisher TEXT NOT NULL,
    tenant TEXT NOT NULL,
    claimed_ms BIGINT NOT NULL,
    PRIMARY KEY (repository, digest, publisher),
    FOREIGN KEY (repository, digest) REFERENCES repository_manifests (repository, digest) ON DELETE CASCADE
);
CREATE TABLE manifest_references (
    manifest TEXT NOT NULL REFERENCES manifests (digest) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('blob', 'manifest')),
    PRIMARY KEY (manifest, digest, role)
);
CREATE INDEX manifest_references_by_digest ON manifest_references (digest, role, manifest);
CREATE TABLE manifests (
    digest TEXT NOT NULL PRIMARY KEY,
    media_type TEXT NOT NULL,
    size BIGINT NOT NULL CHECK (size >= 0),
    content BLOB NOT NULL,
    artifact_type TEXT,
    subject TEXT,
    created_ms BIGINT NOT NULL,
    touched_ms BIGINT NOT NULL,
    leased_until_ms BIGINT NOT NULL
);
CREATE INDEX manifests_by_subject ON manifests (subject, digest) WHERE subject IS NOT NULL;
CREATE TABLE repositories (
    name TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);
CREATE INDEX repositories_by_tenant ON repositories (tenant, name);
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
CREATE TABLE schema_migrations (
    number BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL
);
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
CREATE TABLE uploads (
    id TEXT NOT NULL PRIMARY KEY,
    repository TEXT NOT NULL,
    tenant TEXT NOT NULL,
    started_ms BIGINT NOT NULL,
    started_by TEXT NOT NULL
);
CREATE INDEX uploads_by_age ON uploads (started_ms);
