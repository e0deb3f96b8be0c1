-- Every statement of the store, by name, as both engines run it. Where they differ: sqlite.sql and postgres.sql.

-- name: commit
COMMIT;

-- name: rollback
ROLLBACK;

-- name: savepoint
SAVEPOINT write;

-- name: savepoint_release
RELEASE write;

-- name: savepoint_rollback
ROLLBACK TO write;

-- name: job_by_id
SELECT * FROM jobs WHERE id = :id;

-- name: job_by_number
SELECT * FROM jobs WHERE number = :number;

-- name: steps_of_job
SELECT body FROM steps WHERE job_number = :number ORDER BY position;

-- name: artifacts_of_job
SELECT body FROM artifacts WHERE job_number = :number ORDER BY path;

-- name: insert_job
INSERT INTO jobs (
    id, tenant, state, priority, rank_us, due_us, create_us, sequence, spec, spec_bytes, labels, carrier
)
VALUES (
    :id, :tenant, 'PENDING', :priority, :rank_us, :due_us, :create_us, 0, :spec, :spec_bytes, :labels, :carrier
)
RETURNING number;

-- name: update_job
UPDATE jobs SET state = :state, start_us = :start_us, end_us = :end_us, error = :error, sequence = :sequence
WHERE number = :number;

-- name: write_step
INSERT INTO steps (job_number, name, position, kind, state, tenant, rank_us, token, ready_us, not_before_us, body)
VALUES (
    :job_number, :name, :position, :kind, :state, :tenant, (SELECT rank_us FROM jobs WHERE number = :job_number),
    :token, :ready_us, :not_before_us, :body
)
ON CONFLICT (job_number, name) DO UPDATE SET
    state = excluded.state, token = excluded.token, ready_us = excluded.ready_us,
    not_before_us = excluded.not_before_us, body = excluded.body;

-- name: write_artifact
INSERT INTO artifacts (job_number, path, body) VALUES (:job_number, :path, :body)
ON CONFLICT (job_number, path) DO UPDATE SET body = excluded.body;

-- name: insert_event
INSERT INTO events (job_number, sequence, time_us, step, message, delta)
VALUES (:job_number, :sequence, :time_us, :step, :message, :delta);

-- name: events_of_job
SELECT events.* FROM events JOIN jobs ON jobs.number = events.job_number
WHERE jobs.id = :id AND events.sequence > :after ORDER BY events.sequence LIMIT :limit;

-- name: request_id
SELECT job_id, digest FROM request_ids WHERE tenant = :tenant AND request_id = :request_id;

-- name: insert_request_id
INSERT INTO request_ids (tenant, request_id, job_id, digest) VALUES (:tenant, :request_id, :job_id, :digest);

-- name: release_waiting
UPDATE steps SET not_before_us = 0, ready_us = :wall_us
WHERE state = 'READY' AND not_before_us > 0 AND not_before_us <= :now_us;

-- name: ready_tenants
WITH RECURSIVE found (tenant) AS (
    SELECT min(tenant) FROM steps WHERE state = 'READY' AND not_before_us = 0 AND kind = :kind
    UNION ALL
    SELECT (
        SELECT min(tenant) FROM steps
        WHERE state = 'READY' AND not_before_us = 0 AND kind = :kind AND tenant > found.tenant
    )
    FROM found WHERE found.tenant IS NOT NULL
)
SELECT tenant, (
    SELECT min(rank_us) FROM steps
    WHERE state = 'READY' AND not_before_us = 0 AND kind = :kind AND tenant = found.tenant
) AS rank_us
FROM found WHERE tenant IS NOT NULL;

-- name: ready_steps
SELECT rank_us, job_number, position, name, tenant FROM steps
WHERE state = 'READY' AND not_before_us = 0 AND kind = :kind AND tenant = :tenant
ORDER BY rank_us, job_number, position LIMIT :limit;

-- name: running_counts
SELECT tenant, kind, count(*) AS count FROM steps WHERE state = 'RUNNING' GROUP BY tenant, kind;

-- name: next_waiting
-- What it says twice lets the engine use `steps_waiting`: it does not know that now is later than 0.
SELECT min(not_before_us) AS not_before_us FROM steps
WHERE state = 'READY' AND not_before_us > 0 AND not_before_us > :now_us;

-- name: running_steps
SELECT steps.job_number, jobs.id, steps.name FROM steps JOIN jobs ON jobs.number = steps.job_number
WHERE steps.state = 'RUNNING' ORDER BY steps.job_number, steps.position;

-- name: steps_in_back_off
SELECT job_number, name, body FROM steps WHERE state = 'READY' AND not_before_us > 0;

-- name: set_not_before
UPDATE steps SET not_before_us = :not_before_us WHERE job_number = :job_number AND name = :name;

-- name: queue
SELECT * FROM queue WHERE id = 1;

-- name: set_flow
UPDATE queue SET state = :state, reason = :reason, since_us = :since_us WHERE id = 1;

-- name: set_queue_clock
UPDATE queue SET clock_us = :clock_us WHERE id = 1;

-- name: jobs_due
SELECT number FROM jobs WHERE due_us IS NOT NULL AND due_us <= :now_us ORDER BY due_us LIMIT :limit;

-- name: jobs_with_deadline
SELECT number, create_us, spec FROM jobs WHERE due_us IS NOT NULL;

-- name: set_due
UPDATE jobs SET due_us = :due_us WHERE number = :number;

-- name: drop_due
UPDATE jobs SET due_us = NULL WHERE number = :number AND due_us <= :now_us;

-- name: job_counts
SELECT state, count FROM job_counts WHERE count > 0 ORDER BY state;

-- name: step_counts
SELECT state, count FROM step_counts WHERE count > 0 ORDER BY state;

-- name: usage
SELECT
    CAST(coalesce(sum(jobs), 0) AS BIGINT) AS jobs, CAST(coalesce(sum(spec_bytes), 0) AS BIGINT) AS spec_bytes,
    CAST(coalesce(sum(jobs) FILTER (WHERE tenant = :tenant), 0) AS BIGINT) AS own_jobs
FROM tenant_loads;

-- name: tenant_loads
SELECT tenant, jobs, spec_bytes FROM tenant_loads ORDER BY tenant;

-- name: oldest_ready
SELECT min(ready_us) AS ready_us FROM steps WHERE state = 'READY' AND not_before_us = 0;

-- name: waiting_count
SELECT count(*) AS count FROM steps WHERE state = 'READY' AND not_before_us > 0;

-- name: delete_job
DELETE FROM jobs WHERE number = :number;

-- name: insert_deletion
INSERT INTO deletions (job_id, time_us) VALUES (:job_id, :time_us);

-- name: deletion
SELECT job_id, swept FROM deletions WHERE job_id = :job_id;

-- name: unswept
SELECT job_id FROM deletions WHERE swept = 0 LIMIT :limit;

-- name: set_swept
UPDATE deletions SET swept = 1 WHERE job_id = :job_id;

-- name: job_state
SELECT state FROM jobs WHERE number = :number;

-- name: insert_notice
INSERT INTO outbox (job_id, notice_id, url, secret, body) VALUES (:job_id, :notice_id, :url, :secret, :body);

-- name: outbox_due
SELECT number, job_id, notice_id, url, secret, body, attempts FROM outbox
WHERE given_up = 0 AND not_before_us <= :now_us
  AND url NOT IN (SELECT url FROM receivers WHERE receivers.not_before_us > :now_us)
ORDER BY not_before_us, number LIMIT :limit;

-- name: delete_notice
DELETE FROM outbox WHERE number = :number;

-- name: delay_notice
UPDATE outbox SET attempts = attempts + 1, error = :error, not_before_us = :not_before_us, given_up = :given_up
WHERE number = :number;

-- name: release_receivers
DELETE FROM receivers WHERE not_before_us <= :now_us;

-- name: drop_given_up
DELETE FROM outbox WHERE given_up = 1 AND (
    number = :number AND job_id IN (SELECT job_id FROM deletions)
    OR number = (SELECT min(number) FROM outbox WHERE given_up = 1)
    AND (SELECT count FROM notice_counts WHERE given_up = 1) > :limit
);

-- name: release_notices
UPDATE outbox SET not_before_us = 0 WHERE given_up = 0 AND not_before_us > 0;

-- name: delete_notices_of_job
DELETE FROM outbox WHERE job_id = :job_id AND given_up = 1;

-- name: outbox_counts
SELECT given_up, count FROM notice_counts;

-- name: write_pulse
UPDATE pulse SET time_us = :time_us WHERE id = 1;

-- name: write_run
INSERT INTO runs (kind, slot, number, amount, seconds) VALUES (:kind, :slot, :number, :amount, :seconds)
ON CONFLICT (kind, slot) DO UPDATE SET number = excluded.number, amount = excluded.amount, seconds = excluded.seconds;

-- name: runs
SELECT kind, amount, seconds FROM runs ORDER BY kind, number;

-- name: last_runs
SELECT kind, max(number) AS number FROM runs GROUP BY kind;
