-- News of jobs for the webhooks that they name, written in the transaction of the change that they tell of.

BEGIN IMMEDIATE;

CREATE TABLE outbox (
    number         INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id         TEXT    NOT NULL,
    notice_id      TEXT    NOT NULL UNIQUE,
    url            TEXT    NOT NULL,
    secret         TEXT    NOT NULL,    -- the name of it
    body           TEXT    NOT NULL,
    attempts       INTEGER NOT NULL DEFAULT 0,
    error          TEXT    NOT NULL DEFAULT '',
    not_before_us  INTEGER NOT NULL DEFAULT 0,    -- monotonic clock of the running manager; 0 after a restart
    given_up       INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX outbox_due ON outbox (not_before_us, number) WHERE given_up = 0;
CREATE INDEX outbox_by_job ON outbox (job_id);

PRAGMA user_version = 5;
COMMIT;
