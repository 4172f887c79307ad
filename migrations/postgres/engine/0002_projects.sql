-- Projects, what their web hooks delivered, and the tokens of callers.

CREATE TABLE projects (
    project TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    url TEXT COLLATE "C" NOT NULL,
    trust_host BIGINT NOT NULL,
    sealed_secret BYTEA NOT NULL,
    created_ms BIGINT NOT NULL,
    UNIQUE (tenant, name)
);

CREATE TABLE deliveries (
    project TEXT COLLATE "C" NOT NULL REFERENCES projects (project),
    delivery TEXT COLLATE "C" NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    event TEXT COLLATE "C" NOT NULL,
    payload TEXT COLLATE "C" NOT NULL,
    at_ms BIGINT NOT NULL,
    -- JSON: the state, and the answer once there is one.
    outcome TEXT COLLATE "C" NOT NULL,
    -- 1 until the delivery was acted on.
    pending BIGINT NOT NULL,
    PRIMARY KEY (project, delivery)
);
CREATE INDEX deliveries_pending ON deliveries (at_ms, project, delivery) WHERE pending = 1;

-- Only hashes: a stolen database opens no door.
CREATE TABLE tokens (
    hash TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant TEXT COLLATE "C" NOT NULL,
    user_name TEXT COLLATE "C" NOT NULL,
    created_ms BIGINT NOT NULL
);
