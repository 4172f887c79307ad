CREATE TABLE attempt_logs (
    run TEXT NOT NULL REFERENCES runs (run),
    path TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    tenant TEXT NOT NULL,
    -- Of what is stored, and its size.
    digest TEXT NOT NULL,
    stored_bytes BIGINT NOT NULL,
    -- Of the log itself.
    bytes BIGINT NOT NULL,
    PRIMARY KEY (run, path, attempt)
) WITHOUT ROWID;
CREATE TABLE claims (
    run TEXT NOT NULL PRIMARY KEY REFERENCES runs (run),
    tenant TEXT NOT NULL,
    worker TEXT NOT NULL,
    claimed_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX claims_by_worker ON claims (worker, run);
CREATE TABLE deliveries (
    project TEXT NOT NULL REFERENCES projects (project),
    delivery TEXT NOT NULL,
    tenant TEXT NOT NULL,
    event TEXT NOT NULL,
    payload TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    -- JSON: the state, and the answer once there is one.
    outcome TEXT NOT NULL,
    -- 1 until the delivery was acted on.
    pending BIGINT NOT NULL,
    PRIMARY KEY (project, delivery)
);
CREATE INDEX deliveries_concluded ON deliveries (at_ms, project, delivery) WHERE pending = 0;
CREATE INDEX deliveries_pending ON deliveries (at_ms, project, delivery) WHERE pending = 1;
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
CREATE INDEX effects_stuck ON effects (run) WHERE state = 'stuck';
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
CREATE TABLE memos (
    tenant TEXT NOT NULL,
    scope TEXT NOT NULL,
    digest TEXT NOT NULL,
    outputs TEXT NOT NULL,
    run TEXT NOT NULL,
    path TEXT NOT NULL,
    at_ms BIGINT NOT NULL, used_ms BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, scope, digest)
) WITHOUT ROWID;
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
CREATE TABLE plans (
    digest TEXT NOT NULL,
    tenant TEXT NOT NULL,
    plan TEXT NOT NULL,
    PRIMARY KEY (digest, tenant)
);
CREATE TABLE projects (
    project TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    trust_host BIGINT NOT NULL,
    sealed_secret BLOB NOT NULL,
    created_ms BIGINT NOT NULL, credentials_secret TEXT,
    UNIQUE (tenant, name)
);
CREATE TABLE requests (
    request TEXT NOT NULL PRIMARY KEY,
    run TEXT NOT NULL REFERENCES runs (run),
    tenant TEXT NOT NULL,
    asked_ms BIGINT NOT NULL,
    ask TEXT NOT NULL,
    answer TEXT
) WITHOUT ROWID;
CREATE INDEX requests_answered ON requests (asked_ms) WHERE answer IS NOT NULL;
CREATE INDEX requests_by_run ON requests (run);
CREATE INDEX requests_open ON requests (run, request) WHERE answer IS NULL;
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
    seq BIGINT NOT NULL, run_group TEXT, parent TEXT,
    FOREIGN KEY (plan, tenant) REFERENCES plans (digest, tenant)
);
CREATE INDEX runs_by_plan ON runs (plan, tenant);
CREATE INDEX runs_by_project ON runs (tenant, project, run);
CREATE INDEX runs_by_project_and_status ON runs (tenant, project, status, run);
CREATE INDEX runs_by_status ON runs (tenant, status, run);
CREATE INDEX runs_by_tenant ON runs (tenant, run);
CREATE INDEX runs_by_workflow ON runs (tenant, workflow, project, run);
CREATE INDEX runs_finished ON runs (finished_ms, run) WHERE ended = 1;
CREATE INDEX runs_under_way ON runs (tenant, run) WHERE ended = 0 AND parent IS NULL;
CREATE INDEX runs_unfinished ON runs (run) WHERE ended = 0;
CREATE TABLE schema_migrations (
    number BIGINT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL
);
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
CREATE TABLE tokens (
    hash TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    user_name TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);
