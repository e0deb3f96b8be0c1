-- Jobs belong to tenants, and so do idempotency keys: one tenant's key tells another one nothing.

BEGIN IMMEDIATE;

ALTER TABLE jobs ADD COLUMN tenant TEXT NOT NULL DEFAULT 'default';

CREATE TABLE tenant_request_ids (
    tenant         TEXT    NOT NULL,
    request_id     TEXT    NOT NULL,
    job_id         TEXT    NOT NULL,
    digest         TEXT    NOT NULL,
    PRIMARY KEY (tenant, request_id)
) STRICT, WITHOUT ROWID;

INSERT INTO tenant_request_ids (tenant, request_id, job_id, digest)
SELECT 'default', request_id, job_id, digest FROM request_ids;

DROP TABLE request_ids;
ALTER TABLE tenant_request_ids RENAME TO request_ids;

PRAGMA user_version = 2;
COMMIT;
