-- Who published a manifest in a repository. An undo ends one claim; what somebody else claims stays.
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

INSERT INTO manifest_claims (repository, digest, publisher, tenant, claimed_ms)
SELECT repository, digest, pushed_by, tenant, pushed_ms FROM repository_manifests;
