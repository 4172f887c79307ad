-- To find what is old enough to be removed, and how many runs of a workflow are newer.
CREATE INDEX runs_finished ON runs (finished_ms, run) WHERE ended = 1;
CREATE INDEX runs_by_workflow ON runs (tenant, workflow, project, run);
CREATE INDEX deliveries_concluded ON deliveries (at_ms, project, delivery) WHERE pending = 0;
