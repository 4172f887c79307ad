-- Which process drives a run, and until when nobody else may. What it writes is fenced by the run's number of events.
CREATE TABLE claims (
    run TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES runs (run),
    tenant TEXT COLLATE "C" NOT NULL,
    worker TEXT COLLATE "C" NOT NULL,
    claimed_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL
);
CREATE INDEX claims_by_worker ON claims (worker, run);
