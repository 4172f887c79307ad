-- What the content store holds. Content is shared by all tenants: who may see it is the catalog's to say.
-- Moments are milliseconds since 1970-01-01T00:00:00Z, sizes are bytes, digests are `algorithm:hex`.

-- One row for each file under blobs/. The row is the truth: a file without one is an orphan.
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

-- Manifests and indexes, bytes included.
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

-- What a manifest needs: a blob (config or layer) or a manifest (child of an index). A subject is not needed.
CREATE TABLE manifest_references (
    manifest TEXT NOT NULL REFERENCES manifests (digest) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('blob', 'manifest')),
    PRIMARY KEY (manifest, digest, role)
);

CREATE INDEX manifest_references_by_digest ON manifest_references (digest, role, manifest);

-- Who keeps a digest: a run or a cache entry, named by its own text.
CREATE TABLE holds (
    owner TEXT NOT NULL,
    digest TEXT NOT NULL,
    held_ms BIGINT NOT NULL,
    PRIMARY KEY (owner, digest)
);

CREATE INDEX holds_by_digest ON holds (digest, owner);
