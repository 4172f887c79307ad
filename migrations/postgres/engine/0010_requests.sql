-- What is asked of a run that another process drives: it waits here for that one, and the answer for who asked.
CREATE TABLE requests (
    request TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    run TEXT COLLATE "C" NOT NULL REFERENCES runs (run),
    tenant TEXT COLLATE "C" NOT NULL,
    asked_ms BIGINT NOT NULL,
    ask TEXT COLLATE "C" NOT NULL,
    answer TEXT COLLATE "C"
);
CREATE INDEX requests_open ON requests (run, request) WHERE answer IS NULL;
CREATE INDEX requests_by_run ON requests (run);
CREATE INDEX requests_answered ON requests (asked_ms) WHERE answer IS NOT NULL;
