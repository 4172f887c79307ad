-- The group whose room a run shares with others, and the run that started it, so that whoever shares out room finds
-- those that it counts.
ALTER TABLE runs ADD COLUMN run_group TEXT COLLATE "C";
ALTER TABLE runs ADD COLUMN parent TEXT COLLATE "C";
UPDATE runs SET parent = CAST(started_by AS json) #>> '{parent,run}' WHERE ended = 0;
CREATE INDEX runs_under_way ON runs (tenant, run) WHERE ended = 0 AND parent IS NULL;
