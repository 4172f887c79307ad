-- Projects, what their web hooks delivered, and the tokens of callers.

CREATE TABLE projects (
    project TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    trust_host BIGINT NOT NULL,
    sealed_secret BLOB NOT NULL,
    created_ms BIGINT NOT NULL,
    UNIQUE (tenant, name)
);

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
CREATE INDEX deliveries_pending ON deliveries (at_ms, project, delivery) WHERE pending = 1;

-- Only hashes: a stolen database opens no door.
CREATE TABLE tokens (
    hash TEXT NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    user_name TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);
