-- Which process drives a run, and until when nobody else may. What it writes is fenced by the run's number of events.
CREATE TABLE claims (
    run TEXT NOT NULL PRIMARY KEY REFERENCES runs (run),
    tenant TEXT NOT NULL,
    worker TEXT NOT NULL,
    claimed_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX claims_by_worker ON claims (worker, run);
