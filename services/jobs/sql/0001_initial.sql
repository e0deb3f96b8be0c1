-- The first layout. A file of this folder runs once, in the order of its number, in one transaction.

BEGIN IMMEDIATE;

CREATE TABLE jobs (
    number         INTEGER PRIMARY KEY AUTOINCREMENT,  -- order of acceptance; never used twice, for pages rely on it
    id             TEXT    NOT NULL UNIQUE,
    state          TEXT    NOT NULL,
    priority       INTEGER NOT NULL,
    create_us      INTEGER NOT NULL,
    start_us       INTEGER,
    end_us         INTEGER,
    sequence       INTEGER NOT NULL,
    error          TEXT,
    spec           TEXT    NOT NULL,
    labels         TEXT    NOT NULL,
    carrier        TEXT    NOT NULL
) STRICT;

CREATE INDEX jobs_by_state ON jobs (state, number);

-- state, token and not_before repeat what the body says: the scheduler and the fencing check read them.
CREATE TABLE steps (
    job_number     INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
    name           TEXT    NOT NULL,
    position       INTEGER NOT NULL,
    kind           TEXT    NOT NULL,
    state          TEXT    NOT NULL,
    priority       INTEGER NOT NULL,
    token          INTEGER NOT NULL,
    ready_us       INTEGER,             -- wall time at which it became ready, for people only
    not_before_us  INTEGER NOT NULL,    -- monotonic clock of the running manager; worked out anew at every start
    body           TEXT    NOT NULL,
    PRIMARY KEY (job_number, name)
) STRICT, WITHOUT ROWID;

-- Higher priority first, then age of the job, then the order of its plan.
CREATE INDEX steps_ready ON steps (kind, priority DESC, job_number, position) WHERE state = 'READY';
CREATE INDEX steps_waiting ON steps (not_before_us) WHERE state = 'READY' AND not_before_us > 0;
CREATE INDEX steps_oldest ON steps (ready_us) WHERE state = 'READY';
CREATE INDEX steps_running ON steps (job_number) WHERE state = 'RUNNING';

CREATE TABLE artifacts (
    job_number     INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
    path           TEXT    NOT NULL,
    body           TEXT    NOT NULL,
    PRIMARY KEY (job_number, path)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    job_number     INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
    sequence       INTEGER NOT NULL,
    time_us        INTEGER NOT NULL,
    step           TEXT    NOT NULL,
    message        TEXT    NOT NULL,
    delta          TEXT    NOT NULL,
    PRIMARY KEY (job_number, sequence)
) STRICT, WITHOUT ROWID;

-- Outlives its job: the same key is answered the same way for ever.
CREATE TABLE request_ids (
    request_id     TEXT    NOT NULL PRIMARY KEY,
    job_id         TEXT    NOT NULL,
    digest         TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- Deleted jobs. swept says whether the files of the session are gone too.
CREATE TABLE deletions (
    job_id         TEXT    NOT NULL PRIMARY KEY,
    time_us        INTEGER NOT NULL,
    swept          INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX deletions_unswept ON deletions (job_id) WHERE swept = 0;

-- One row that the health check writes: a disk that takes it takes jobs.
CREATE TABLE pulse (
    id             INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    time_us        INTEGER NOT NULL
) STRICT;

INSERT INTO pulse (id, time_us) VALUES (1, 0);

-- Counts by state, kept by triggers, so that limits and statistics cost the same however many jobs there are.
CREATE TABLE job_counts (state TEXT NOT NULL PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE step_counts (state TEXT NOT NULL PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TRIGGER jobs_counted_in AFTER INSERT ON jobs BEGIN
    INSERT INTO job_counts (state, count) VALUES (NEW.state, 1) ON CONFLICT (state) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER jobs_counted_out AFTER DELETE ON jobs BEGIN
    UPDATE job_counts SET count = count - 1 WHERE state = OLD.state;
END;
CREATE TRIGGER jobs_counted_over AFTER UPDATE OF state ON jobs WHEN OLD.state <> NEW.state BEGIN
    UPDATE job_counts SET count = count - 1 WHERE state = OLD.state;
    INSERT INTO job_counts (state, count) VALUES (NEW.state, 1) ON CONFLICT (state) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER steps_counted_in AFTER INSERT ON steps BEGIN
    INSERT INTO step_counts (state, count) VALUES (NEW.state, 1) ON CONFLICT (state) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER steps_counted_out AFTER DELETE ON steps BEGIN
    UPDATE step_counts SET count = count - 1 WHERE state = OLD.state;
END;
CREATE TRIGGER steps_counted_over AFTER UPDATE OF state ON steps WHEN OLD.state <> NEW.state BEGIN
    UPDATE step_counts SET count = count - 1 WHERE state = OLD.state;
    INSERT INTO step_counts (state, count) VALUES (NEW.state, 1) ON CONFLICT (state) DO UPDATE SET count = count + 1;
END;

PRAGMA user_version = 1;
COMMIT;
