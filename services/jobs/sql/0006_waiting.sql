-- Age is that of steps that could run: one that waits for its time has not waited yet.

BEGIN IMMEDIATE;

DROP INDEX steps_oldest;
CREATE INDEX steps_oldest ON steps (ready_us) WHERE state = 'READY' AND not_before_us = 0;

PRAGMA user_version = 6;
COMMIT;
