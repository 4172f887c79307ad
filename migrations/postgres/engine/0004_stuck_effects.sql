-- To count what could not be undone, each time that somebody asks.
CREATE INDEX effects_stuck ON effects (run) WHERE state = 'stuck';
