-- When an entry of the cache was last known to be used, so that those which nobody uses can go.
ALTER TABLE memos ADD COLUMN used_ms BIGINT NOT NULL DEFAULT 0;
UPDATE memos SET used_ms = at_ms;
