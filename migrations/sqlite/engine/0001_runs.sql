-- Runs: their events, which are the truth, and the rows made from them in the same transaction.
-- Identifiers are UUIDv7 in hyphenated text, so that their order is the order of birth. Times are milliseconds
-- since 1970 in UTC. Structured values are JSON in text.
-- What belongs to a run is kept in the order of its key (WITHOUT ROWID), so that a commit touches few pages.

CREATE TABLE plans (
    digest TEXT NOT NULL,
    tenant TEXT NOT NULL,
    plan TEXT NOT NULL,
    PRIMARY KEY (digest, tenant)
);

CREATE TABLE runs (
    run TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    project TEXT,
    workflow TEXT NOT NULL,
    plan TEXT NOT NULL,
    started_by TEXT NOT NULL,
    inputs TEXT NOT NULL,
    status TEXT NOT NULL,
    -- 1 once the status is a final one: what recovery skips.
    ended BIGINT NOT NULL,
    compensation TEXT NOT NULL,
    outputs TEXT NOT NULL,
    error TEXT,
    created_ms BIGINT NOT NULL,
    finished_ms BIGINT,
    seq BIGINT NOT NULL,
    FOREIGN KEY (plan, tenant) REFERENCES plans (digest, tenant)
);
CREATE INDEX runs_by_tenant ON runs (tenant, run);
CREATE INDEX runs_by_status ON runs (tenant, status, run);
CREATE INDEX runs_by_project ON runs (tenant, project, run);
CREATE INDEX runs_by_project_and_status ON runs (tenant, project, status, run);
CREATE INDEX runs_by_plan ON runs (plan, tenant);
CREATE INDEX runs_unfinished ON runs (run) WHERE ended = 0;

-- What asked for a run: a redelivery finds the run that the first delivery started.
CREATE TABLE origins (
    tenant TEXT NOT NULL,
    -- Empty for a run without a project.
    project TEXT NOT NULL,
    delivery TEXT NOT NULL,
    file TEXT NOT NULL,
    run TEXT NOT NULL REFERENCES runs (run),
    PRIMARY KEY (tenant, project, delivery, file)
) WITHOUT ROWID;
CREATE INDEX origins_by_run ON origins (run);

CREATE TABLE events (
    run TEXT NOT NULL REFERENCES runs (run),
    seq BIGINT NOT NULL,
    tenant TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    kind TEXT NOT NULL,
    v BIGINT NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (run, seq)
) WITHOUT ROWID;

CREATE TABLE steps (
    run TEXT NOT NULL REFERENCES runs (run),
    path TEXT NOT NULL,
    tenant TEXT NOT NULL,
    position BIGINT NOT NULL,
    action TEXT NOT NULL,
    status TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    cached BIGINT NOT NULL,
    outputs TEXT NOT NULL,
    error TEXT,
    ready_ms BIGINT,
    started_ms BIGINT,
    finished_ms BIGINT,
    PRIMARY KEY (run, path)
) WITHOUT ROWID;

CREATE TABLE effects (
    run TEXT NOT NULL REFERENCES runs (run),
    path TEXT NOT NULL,
    name TEXT NOT NULL,
    tenant TEXT NOT NULL,
    action TEXT NOT NULL,
    intent TEXT NOT NULL,
    handle TEXT,
    state TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    -- Place in the run's journal: undo goes from high to low.
    seq BIGINT NOT NULL,
    PRIMARY KEY (run, path, name)
) WITHOUT ROWID;

CREATE TABLE leases (
    run TEXT NOT NULL REFERENCES runs (run),
    path TEXT NOT NULL,
    tenant TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    worker TEXT NOT NULL,
    -- Number of the event that granted it: a writer with another one has lost the step.
    token BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    PRIMARY KEY (run, path)
) WITHOUT ROWID;
CREATE INDEX leases_by_worker ON leases (worker, run, path);

-- The cache of outputs. It outlives the runs that computed them.
CREATE TABLE memos (
    tenant TEXT NOT NULL,
    scope TEXT NOT NULL,
    digest TEXT NOT NULL,
    outputs TEXT NOT NULL,
    run TEXT NOT NULL,
    path TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant, scope, digest)
) WITHOUT ROWID;
