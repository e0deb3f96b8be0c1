-- Ready steps are served by tenant and virtual time of arrival, jobs may have a deadline, and the queue can be paused.

BEGIN IMMEDIATE;

-- Virtual time of arrival: see dispatch.py. Jobs of before keep their order by priority and age.
ALTER TABLE jobs ADD COLUMN rank_us INTEGER NOT NULL DEFAULT 0;
-- Monotonic clock of the running manager; worked out anew at every start, as not_before_us of steps is.
ALTER TABLE jobs ADD COLUMN due_us INTEGER;
ALTER TABLE steps ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';
ALTER TABLE steps ADD COLUMN rank_us INTEGER NOT NULL DEFAULT 0;

UPDATE jobs SET rank_us = -priority * 600000000;
UPDATE steps SET rank_us = -priority * 600000000;

CREATE INDEX jobs_due ON jobs (due_us) WHERE due_us IS NOT NULL;

DROP INDEX steps_ready;
ALTER TABLE steps DROP COLUMN priority;
CREATE INDEX steps_ready ON steps (kind, tenant, rank_us, job_number, position)
WHERE state = 'READY' AND not_before_us = 0;

DROP INDEX steps_running;
CREATE INDEX steps_running ON steps (job_number, tenant, kind) WHERE state = 'RUNNING';

-- One row. clock_us is the time that the managers of this store have run, as far as the last accepted job tells.
CREATE TABLE queue (
    id             INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    state          TEXT    NOT NULL,
    reason         TEXT    NOT NULL,
    since_us       INTEGER,
    clock_us       INTEGER NOT NULL
) STRICT;

INSERT INTO queue (id, state, reason, since_us, clock_us) VALUES (1, 'OPEN', '', NULL, 0);

PRAGMA user_version = 3;
COMMIT;
