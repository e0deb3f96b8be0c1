-- What only PostgreSQL runs this way, and what only several managers need.

-- name: session
-- How every connection is opened. Waits are bounded, so that a frozen manager holds up no other for longer; a commit
-- is on disk before anyone hears of it, and an operator may ask for more (`remote_apply`), never for less.
SELECT
    set_config('search_path', 'reelsmith_jobs', false),
    set_config('idle_in_transaction_session_timeout', :lease_ms, false),
    set_config('lock_timeout', :lease_ms, false),
    set_config('statement_timeout', :statement_ms, false),
    set_config('synchronous_commit', CASE current_setting('synchronous_commit')
        WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false);

-- name: encoding
SELECT current_setting('server_encoding') AS encoding;

-- name: begin
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;

-- name: begin_write
BEGIN ISOLATION LEVEL READ COMMITTED;

-- name: make_schema
CREATE SCHEMA IF NOT EXISTS reelsmith_jobs;

-- name: lock_layout
-- One manager at a time looks after the layout; the number only has to be ours.
SELECT pg_advisory_xact_lock(7300212547);

-- name: layout
SELECT to_regclass('reelsmith_jobs.layout') IS NOT NULL AS there;

-- name: version
SELECT version FROM layout;

-- name: set_version
UPDATE layout SET version = :version;

-- name: take_lead
-- Waits for a write that is in progress, and looks again after it.
UPDATE leadership
SET epoch = epoch + 1, manager = :manager, until = clock_timestamp() + make_interval(secs => :lease_s)
WHERE until <= clock_timestamp()
RETURNING epoch;

-- name: keep_lead
-- Also the first statement of every write: the row stays locked to its end, so that no epoch begins in the middle of it.
UPDATE leadership SET until = clock_timestamp() + make_interval(secs => :lease_s)
WHERE epoch = :epoch AND manager = :manager
RETURNING epoch;

-- name: claim
-- Under which epoch what follows is written: the layout puts it into every event.
SELECT set_config('reelsmith.epoch', CAST(:epoch AS TEXT), true);

-- name: leave_lead
UPDATE leadership SET until = clock_timestamp() WHERE epoch = :epoch AND manager = :manager;

-- name: leadership
SELECT epoch, manager, until > clock_timestamp() AS held FROM leadership;

-- name: list_jobs
SELECT * FROM jobs
WHERE number < :before
  AND (:tenant = '' OR tenant = :tenant)
  AND (
      jsonb_array_length(CAST(:states AS JSONB)) = 0
      OR state IN (SELECT jsonb_array_elements_text(CAST(:states AS JSONB)))
  )
  AND CAST(labels AS JSONB) @> CAST(:labels AS JSONB)
ORDER BY number DESC LIMIT :limit;

-- name: hold_receiver
INSERT INTO receivers (url, not_before_us) VALUES (:url, :not_before_us)
ON CONFLICT (url) DO UPDATE SET not_before_us = greatest(receivers.not_before_us, excluded.not_before_us);
