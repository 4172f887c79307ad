CREATE TABLE attempt_logs (
    run text COLLATE "C" NOT NULL,
    path text COLLATE "C" NOT NULL,
    attempt bigint NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    digest text COLLATE "C" NOT NULL,
    stored_bytes bigint NOT NULL,
    bytes bigint NOT NULL,
    FOREIGN KEY (run) REFERENCES runs(run),
    PRIMARY KEY (run, path, attempt)
);
CREATE TABLE claims (
    run text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    worker text COLLATE "C" NOT NULL,
    claimed_ms bigint NOT NULL,
    until_ms bigint NOT NULL,
    FOREIGN KEY (run) REFERENCES runs(run),
    PRIMARY KEY (run)
);
CREATE INDEX claims_by_worker ON claims USING btree (worker, run);
CREATE TABLE deliveries (
    project text COLLATE "C" NOT NULL,
    delivery text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    event text COLLATE "C" NOT NULL,
    payload text COLLATE "C" NOT NULL,
    at_ms bigint NOT NULL,
    outcome text COLLATE "C" NOT NULL,
    pending bigint NOT NULL,
    FOREIGN KEY (project) REFERENCES projects(project),
    PRIMARY KEY (project, delivery)
);
CREATE INDEX deliveries_concluded ON deliveries USING btree (at_ms, project, delivery) WHERE (pending = 0);
CREATE INDEX deliveries_pending ON deliveries USING btree (at_ms, project, delivery) WHERE (pending = 1);
CREATE TABLE effects (
    run text COLLATE "C" NOT NULL,
    path text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    action text COLLATE "C" NOT NULL,
    intent text COLLATE "C" NOT NULL,
    handle text COLLATE "C",
    state text COLLATE "C" NOT NULL,
    attempt bigint NOT NULL,
    seq bigint NOT NULL,
    FOREIGN KEY (run) REFERENCES runs(run),
    PRIMARY KEY (run, path, name)
);
CREATE INDEX effects_stuck ON effects USING btree (run) WHERE (state = 'stuck'::text);
CREATE TABLE events (
    run text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    at_ms bigint NOT NULL,
    kind text COLLATE "C" NOT NULL,
    v bigint NOT NULL,
    payload text COLLATE "C" NOT NULL,
    FOREIGN KEY (run) REFERENCES runs(run),
    PRIMARY KEY (run, seq)
);
CREATE TABLE leases (
    run text COLLATE "C" NOT NULL,
    path text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    attempt bigint NOT NULL,
    worker text COLLATE "C" NOT NULL,
    token bigint NOT NULL,
    expires_ms bigint NOT NULL,
    FOREIGN KEY (run) REFERENCES runs(run),
    PRIMARY KEY (run, path)
);
CREATE INDEX leases_by_worker ON leases USING btree (worker, run, path);
CREATE TABLE memos (
    tenant text COLLATE "C" NOT NULL,
    scope text COLLATE "C" NOT NULL,
    digest text COLLATE "C" NOT NULL,
    outputs text COLLATE "C" NOT NULL,
    run text COLLATE "C" NOT NULL,
    path text COLLATE "C" NOT NULL,
    at_ms bigint NOT NULL,
    used_ms bigint NOT NULL,
    PRIMARY KEY (tenant, scope, digest)
);
CREATE TABLE origins (
    tenant text COLLATE "C" NOT NULL,
    project text COLLATE "C" NOT NULL,
    delivery text COLLATE "C" NOT NULL,
    file text COLLATE "C" NOT NULL,
    run text COLLATE "C" NOT NULL,
    FOREIGN KEY (run) REFERENCES runs(run),
    PRIMARY KEY (tenant, project, delivery, file)
);
CREATE INDEX origins_by_run ON origins USING btree (run);
CREATE TABLE plans (
    digest text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    plan text COLLATE "C" NOT NULL,
    PRIMARY KEY (digest, tenant)
);
CREATE TABLE projects (
    project text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    url text COLLATE "C" NOT NULL,
    trust_host bigint NOT NULL,
    sealed_secret bytea NOT NULL,
    created_ms bigint NOT NULL,
    credentials_secret text COLLATE "C",
    PRIMARY KEY (project),
    UNIQUE (tenant, name)
);
CREATE TABLE requests (
    request text COLLATE "C" NOT NULL,
    run text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    asked_ms bigint NOT NULL,
    ask text COLLATE "C" NOT NULL,
    answer text COLLATE "C",
    FOREIGN KEY (run) REFERENCES runs(run),
    PRIMARY KEY (request)
);
CREATE INDEX requests_answered ON requests USING btree (asked_ms) WHERE (answer IS NOT NULL);
CREATE INDEX requests_by_run ON requests USING btree (run);
CREATE INDEX requests_open ON requests USING btree (run, request) WHERE (answer IS NULL);
CREATE TABLE runs (
    run text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    project text COLLATE "C",
    workflow text COLLATE "C" NOT NULL,
    plan text COLLATE "C" NOT NULL,
    started_by text COLLATE "C" NOT NULL,
    inputs text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    ended bigint NOT NULL,
    compensation text COLLATE "C" NOT NULL,
    outputs text COLLATE "C" NOT NULL,
    error text COLLATE "C",
    created_ms bigint NOT NULL,
    finished_ms bigint,
    seq bigint NOT NULL,
    run_group text COLLATE "C",
    parent text COLLATE "C",
    FOREIGN KEY (plan, tenant) REFERENCES plans(digest, tenant),
    PRIMARY KEY (run)
);
CREATE INDEX runs_by_plan ON runs USING btree (plan, tenant);
CREATE INDEX runs_by_project ON runs USING btree (tenant, project, run);
CREATE INDEX runs_by_project_and_status ON runs USING btree (tenant, project, status, run);
CREATE INDEX runs_by_status ON runs USING btree (tenant, status, run);
CREATE INDEX runs_by_tenant ON runs USING btree (tenant, run);
CREATE INDEX runs_by_workflow ON runs USING btree (tenant, workflow, project, run);
CREATE INDEX runs_finished ON runs USING btree (finished_ms, run) WHERE (ended = 1);
CREATE INDEX runs_under_way ON runs USING btree (tenant, run) WHERE ((ended = 0) AND (parent IS NULL));
CREATE INDEX runs_unfinished ON runs USING btree (run) WHERE (ended = 0);
CREATE TABLE schema_migrations (
    number bigint NOT NULL,
    name text COLLATE "C" NOT NULL,
    checksum text COLLATE "C" NOT NULL,
    PRIMARY KEY (number)
);
CREATE TABLE steps (
    run text COLLATE "C" NOT NULL,
    path text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    action text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    attempts bigint NOT NULL,
    cached bigint NOT NULL,
    outputs text COLLATE "C" NOT NULL,
    error text COLLATE "C",
    ready_ms bigint,
    started_ms bigint,
    finished_ms bigint,
    FOREIGN KEY (run) REFERENCES runs(run),
    PRIMARY KEY (run, path)
);
CREATE TABLE tokens (
    hash text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    user_name text COLLATE "C" NOT NULL,
    created_ms bigint NOT NULL,
    PRIMARY KEY (hash)
);
