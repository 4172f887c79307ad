-- Runs: their events, which are the truth, and the rows made from them in the same transaction.
-- Identifiers are UUIDv7 in hyphenated text, so that their order is the order of birth. Times are milliseconds
-- since 1970 in UTC. Structured values are JSON in text.
-- Text sorts by its bytes (COLLATE "C"), as in SQLite, whatever the language of the database is.

CREATE TABLE plans (
    digest TEXT COLLATE "C" NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    plan TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (digest, tenant)
);

CREATE TABLE runs (
    run TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL,
    project TEXT COLLATE "C",
    workflow TEXT COLLATE "C" NOT NULL,
    plan TEXT COLLATE "C" NOT NULL,
    started_by TEXT COLLATE "C" NOT NULL,
    inputs TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    -- 1 once the status is a final one: what recovery skips.
    ended BIGINT NOT NULL,
    compensation TEXT COLLATE "C" NOT NULL,
    outputs TEXT COLLATE "C" NOT NULL,
    error TEXT COLLATE "C",
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
    tenant TEXT COLLATE "C" NOT NULL,
    -- Empty for a run without a project.
    project TEXT COLLATE "C" NOT NULL,
    delivery TEXT COLLATE "C" NOT NULL,
    file TEXT COLLATE "C" NOT NULL,
    run TEXT COLLATE "C" NOT NULL REFERENCES runs (run),
    PRIMARY KEY (tenant, project, delivery, file)
);
CREATE INDEX origins_by_run ON origins (run);

CREATE TABLE events (
    run TEXT COLLATE "C" NOT NULL REFERENCES runs (run),
    seq BIGINT NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    at_ms BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    v BIGINT NOT NULL,
    payload TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (run, seq)
);

CREATE TABLE steps (
    run TEXT COLLATE "C" NOT NULL REFERENCES runs (run),
    path TEXT COLLATE "C" NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    position BIGINT NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL,
    cached BIGINT NOT NULL,
    outputs TEXT COLLATE "C" NOT NULL,
    error TEXT COLLATE "C",
    ready_ms BIGINT,
    started_ms BIGINT,
    finished_ms BIGINT,
    PRIMARY KEY (run, path)
);

CREATE TABLE effects (
    run TEXT COLLATE "C" NOT NULL REFERENCES runs (run),
    path TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL,
    intent TEXT COLLATE "C" NOT NULL,
    handle TEXT COLLATE "C",
    state TEXT COLLATE "C" NOT NULL,
    attempt BIGINT NOT NULL,
    -- Place in the run's journal: undo goes from high to low.
    seq BIGINT NOT NULL,
    PRIMARY KEY (run, path, name)
);

CREATE TABLE leases (
    run TEXT COLLATE "C" NOT NULL REFERENCES runs (run),
    path TEXT COLLATE "C" NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    attempt BIGINT NOT NULL,
    worker TEXT COLLATE "C" NOT NULL,
    -- Number of the event that granted it: a writer with another one has lost the step.
    token BIGINT NOT NULL,
    expires_ms BIGINT NOT NULL,
    PRIMARY KEY (run, path)
);
CREATE INDEX leases_by_worker ON leases (worker, run, path);

-- The cache of outputs. It outlives the runs that computed them.
CREATE TABLE memos (
    tenant TEXT COLLATE "C" NOT NULL,
    scope TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    outputs TEXT COLLATE "C" NOT NULL,
    run TEXT COLLATE "C" NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (tenant, scope, digest)
);
