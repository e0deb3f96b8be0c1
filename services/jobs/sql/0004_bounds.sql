-- What each tenant's unfinished jobs take up, kept by triggers, so that the bounds of the queue cost the same at any length.

BEGIN IMMEDIATE;

ALTER TABLE jobs ADD COLUMN spec_bytes INTEGER NOT NULL DEFAULT 0;
UPDATE jobs SET spec_bytes = length(CAST(spec AS BLOB));

CREATE TABLE tenant_loads (
    tenant         TEXT    NOT NULL PRIMARY KEY,
    jobs           INTEGER NOT NULL,
    spec_bytes     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO tenant_loads (tenant, jobs, spec_bytes)
SELECT tenant, count(*), sum(spec_bytes) FROM jobs WHERE state IN ('PENDING', 'RUNNING') GROUP BY tenant;

-- A job is inserted unfinished. Rows of tenants without a job are not kept.
CREATE TRIGGER jobs_loaded_in AFTER INSERT ON jobs BEGIN
    INSERT INTO tenant_loads (tenant, jobs, spec_bytes) VALUES (NEW.tenant, 1, NEW.spec_bytes)
    ON CONFLICT (tenant) DO UPDATE SET jobs = jobs + 1, spec_bytes = spec_bytes + excluded.spec_bytes;
END;
CREATE TRIGGER jobs_loaded_again AFTER UPDATE OF state ON jobs
WHEN OLD.state NOT IN ('PENDING', 'RUNNING') AND NEW.state IN ('PENDING', 'RUNNING') BEGIN
    INSERT INTO tenant_loads (tenant, jobs, spec_bytes) VALUES (NEW.tenant, 1, NEW.spec_bytes)
    ON CONFLICT (tenant) DO UPDATE SET jobs = jobs + 1, spec_bytes = spec_bytes + excluded.spec_bytes;
END;
CREATE TRIGGER jobs_unloaded AFTER UPDATE OF state ON jobs
WHEN OLD.state IN ('PENDING', 'RUNNING') AND NEW.state NOT IN ('PENDING', 'RUNNING') BEGIN
    UPDATE tenant_loads SET jobs = jobs - 1, spec_bytes = spec_bytes - OLD.spec_bytes WHERE tenant = OLD.tenant;
    DELETE FROM tenant_loads WHERE tenant = OLD.tenant AND jobs = 0;
END;

PRAGMA user_version = 4;
COMMIT;
