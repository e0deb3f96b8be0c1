-- The first layout for PostgreSQL: what the files of SQLite lead to, up to 0008. Each file runs once, in the order of
-- its number, all in one transaction. Text is compared byte by byte, as SQLite does.

CREATE TABLE layout (version INTEGER NOT NULL);
INSERT INTO layout (version) VALUES (0);

-- One row: who writes, until when by the clock of this database, and the number of that reign.
CREATE TABLE leadership (
    id             INTEGER     NOT NULL PRIMARY KEY CHECK (id = 1),
    epoch          BIGINT      NOT NULL,
    manager        TEXT        NOT NULL,
    until          TIMESTAMPTZ NOT NULL
);
INSERT INTO leadership (id, epoch, manager, until) VALUES (1, 0, '', '-infinity');

CREATE TABLE jobs (
    number         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- order of acceptance; never used twice
    id             TEXT COLLATE "C" NOT NULL UNIQUE,
    tenant         TEXT COLLATE "C" NOT NULL,
    state          TEXT COLLATE "C" NOT NULL,
    priority       BIGINT  NOT NULL,
    rank_us        BIGINT  NOT NULL,  -- virtual time of arrival: see dispatch.py
    due_us         BIGINT,            -- monotonic clock of the leading manager; worked out anew at every reign
    create_us      BIGINT  NOT NULL,
    start_us       BIGINT,
    end_us         BIGINT,
    sequence       BIGINT  NOT NULL,
    error          TEXT,
    spec           TEXT    NOT NULL,
    spec_bytes     BIGINT  NOT NULL,
    labels         TEXT    NOT NULL,
    carrier        TEXT    NOT NULL
);

CREATE INDEX jobs_by_state ON jobs (state, number);
CREATE INDEX jobs_due ON jobs (due_us) WHERE due_us IS NOT NULL;

-- state, token and not_before repeat what the body says: the scheduler and the fencing check read them.
CREATE TABLE steps (
    job_number     BIGINT  NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
    name           TEXT COLLATE "C" NOT NULL,
    position       BIGINT  NOT NULL,
    kind           TEXT COLLATE "C" NOT NULL,
    state          TEXT COLLATE "C" NOT NULL,
    tenant         TEXT COLLATE "C" NOT NULL,
    rank_us        BIGINT  NOT NULL,
    token          BIGINT  NOT NULL,
    ready_us       BIGINT,            -- wall time at which it became ready, for people only
    not_before_us  BIGINT  NOT NULL,  -- monotonic clock of the leading manager; worked out anew at every reign
    body           TEXT    NOT NULL,
    PRIMARY KEY (job_number, name)
);

CREATE INDEX steps_ready ON steps (kind, tenant, rank_us, job_number, position)
WHERE state = 'READY' AND not_before_us = 0;
CREATE INDEX steps_waiting ON steps (not_before_us) WHERE state = 'READY' AND not_before_us > 0;
CREATE INDEX steps_oldest ON steps (ready_us) WHERE state = 'READY' AND not_before_us = 0;
CREATE INDEX steps_running ON steps (job_number, tenant, kind) WHERE state = 'RUNNING';

CREATE TABLE artifacts (
    job_number     BIGINT  NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
    path           TEXT COLLATE "C" NOT NULL,
    body           TEXT    NOT NULL,
    PRIMARY KEY (job_number, path)
);

CREATE TABLE events (
    job_number     BIGINT  NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
    sequence       BIGINT  NOT NULL,
    time_us        BIGINT  NOT NULL,
    step           TEXT    NOT NULL,
    message        TEXT    NOT NULL,
    delta          TEXT    NOT NULL,
    -- Who wrote it. Without an epoch nothing can be written: what is not set cannot be turned into a number.
    epoch          BIGINT  NOT NULL DEFAULT CAST(current_setting('reelsmith.epoch') AS BIGINT),
    manager        TEXT    NOT NULL DEFAULT current_setting('application_name'),
    PRIMARY KEY (job_number, sequence)
);

-- Outlives its job: the same key is answered the same way for ever.
CREATE TABLE request_ids (
    tenant         TEXT COLLATE "C" NOT NULL,
    request_id     TEXT COLLATE "C" NOT NULL,
    job_id         TEXT    NOT NULL,
    digest         TEXT    NOT NULL,
    PRIMARY KEY (tenant, request_id)
);

-- Deleted jobs. swept says whether the files of the session are gone too.
CREATE TABLE deletions (
    job_id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    time_us        BIGINT  NOT NULL,
    swept          INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX deletions_unswept ON deletions (job_id) WHERE swept = 0;

-- One row that the health check writes: a disk that takes it takes jobs.
CREATE TABLE pulse (id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1), time_us BIGINT NOT NULL);
INSERT INTO pulse (id, time_us) VALUES (1, 0);

-- One row. clock_us is the time that the managers of this store have run, as far as the last accepted job tells.
CREATE TABLE queue (
    id             INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    state          TEXT    NOT NULL,
    reason         TEXT    NOT NULL,
    since_us       BIGINT,
    clock_us       BIGINT  NOT NULL
);
INSERT INTO queue (id, state, reason, since_us, clock_us) VALUES (1, 'OPEN', '', NULL, 0);

-- News of jobs for the webhooks that they name, written in the transaction of the change that they tell of.
CREATE TABLE outbox (
    number         BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id         TEXT COLLATE "C" NOT NULL,
    notice_id      TEXT COLLATE "C" NOT NULL UNIQUE,
    url            TEXT COLLATE "C" NOT NULL,
    secret         TEXT    NOT NULL,    -- the name of it
    body           TEXT    NOT NULL,
    attempts       INTEGER NOT NULL DEFAULT 0,
    error          TEXT    NOT NULL DEFAULT '',
    not_before_us  BIGINT  NOT NULL DEFAULT 0,    -- monotonic clock of the leading manager; 0 after a restart
    given_up       INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX outbox_due ON outbox (not_before_us, number, url) WHERE given_up = 0;
CREATE INDEX outbox_given_up ON outbox (number) WHERE given_up = 1;
CREATE INDEX outbox_by_job ON outbox (job_id);

-- Receivers that failed, and until when nothing is sent to them.
CREATE TABLE receivers (url TEXT COLLATE "C" NOT NULL PRIMARY KEY, not_before_us BIGINT NOT NULL);

-- How long steps took of late, for the times that are foretold: a fixed number of each kind, the oldest overwritten.
CREATE TABLE runs (
    kind           TEXT COLLATE "C" NOT NULL,
    slot           INTEGER NOT NULL,
    number         BIGINT  NOT NULL,             -- counts up: which one is older
    amount         DOUBLE PRECISION NOT NULL,    -- how much it worked on: see forecast.py
    seconds        DOUBLE PRECISION NOT NULL,    -- by a clock that never jumps
    PRIMARY KEY (kind, slot)
);

-- Counts, kept by triggers, so that limits and statistics cost the same however many jobs there are.
CREATE TABLE job_counts (state TEXT COLLATE "C" NOT NULL PRIMARY KEY, count BIGINT NOT NULL);
CREATE TABLE step_counts (state TEXT COLLATE "C" NOT NULL PRIMARY KEY, count BIGINT NOT NULL);
CREATE TABLE tenant_loads (
    tenant         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    jobs           BIGINT  NOT NULL,
    spec_bytes     BIGINT  NOT NULL
);
CREATE TABLE notice_counts (given_up INTEGER NOT NULL PRIMARY KEY, count BIGINT NOT NULL);
INSERT INTO notice_counts (given_up, count) VALUES (0, 0), (1, 0);

CREATE FUNCTION count_jobs() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE job_counts SET count = count - 1 WHERE state = OLD.state;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO job_counts AS known (state, count) VALUES (NEW.state, 1)
        ON CONFLICT (state) DO UPDATE SET count = known.count + 1;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER jobs_counted AFTER INSERT OR DELETE ON jobs FOR EACH ROW EXECUTE FUNCTION count_jobs();
CREATE TRIGGER jobs_counted_over AFTER UPDATE OF state ON jobs FOR EACH ROW
WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION count_jobs();

CREATE FUNCTION count_steps() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE step_counts SET count = count - 1 WHERE state = OLD.state;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO step_counts AS known (state, count) VALUES (NEW.state, 1)
        ON CONFLICT (state) DO UPDATE SET count = known.count + 1;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER steps_counted AFTER INSERT OR DELETE ON steps FOR EACH ROW EXECUTE FUNCTION count_steps();
CREATE TRIGGER steps_counted_over AFTER UPDATE OF state ON steps FOR EACH ROW
WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION count_steps();

-- A job is inserted unfinished. Rows of tenants without a job are not kept.
CREATE FUNCTION load_tenant() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    INSERT INTO tenant_loads AS known (tenant, jobs, spec_bytes) VALUES (NEW.tenant, 1, NEW.spec_bytes)
    ON CONFLICT (tenant) DO UPDATE SET
        jobs = known.jobs + 1, spec_bytes = known.spec_bytes + excluded.spec_bytes;
    RETURN NULL;
END $$;

CREATE FUNCTION unload_tenant() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    UPDATE tenant_loads SET jobs = jobs - 1, spec_bytes = spec_bytes - OLD.spec_bytes WHERE tenant = OLD.tenant;
    DELETE FROM tenant_loads WHERE tenant = OLD.tenant AND jobs = 0;
    RETURN NULL;
END $$;

CREATE TRIGGER jobs_loaded AFTER INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION load_tenant();
CREATE TRIGGER jobs_loaded_again AFTER UPDATE OF state ON jobs FOR EACH ROW
WHEN (OLD.state NOT IN ('PENDING', 'RUNNING') AND NEW.state IN ('PENDING', 'RUNNING')) EXECUTE FUNCTION load_tenant();
CREATE TRIGGER jobs_unloaded AFTER UPDATE OF state ON jobs FOR EACH ROW
WHEN (OLD.state IN ('PENDING', 'RUNNING') AND NEW.state NOT IN ('PENDING', 'RUNNING')) EXECUTE FUNCTION unload_tenant();

CREATE FUNCTION count_notices() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP <> 'INSERT' THEN
        UPDATE notice_counts SET count = count - 1 WHERE given_up = OLD.given_up;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        UPDATE notice_counts SET count = count + 1 WHERE given_up = NEW.given_up;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER notices_counted AFTER INSERT OR DELETE ON outbox FOR EACH ROW EXECUTE FUNCTION count_notices();
CREATE TRIGGER notices_counted_over AFTER UPDATE OF given_up ON outbox FOR EACH ROW
WHEN (OLD.given_up <> NEW.given_up) EXECUTE FUNCTION count_notices();
