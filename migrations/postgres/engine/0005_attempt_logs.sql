-- Where the logs of attempts lie that have ended: gzip in the content store, held by the run.
CREATE TABLE attempt_logs (
    run TEXT COLLATE "C" NOT NULL REFERENCES runs (run),
    path TEXT COLLATE "C" NOT NULL,
    attempt BIGINT NOT NULL,
    tenant TEXT COLLATE "C" NOT NULL,
    -- Of what is stored, and its size.
    digest TEXT COLLATE "C" NOT NULL,
    stored_bytes BIGINT NOT NULL,
    -- Of the log itself.
    bytes BIGINT NOT NULL,
    PRIMARY KEY (run, path, attempt)
);
