-- What only SQLite runs this way.

-- name: begin
BEGIN;

-- name: begin_write
BEGIN IMMEDIATE;

-- name: version
PRAGMA user_version;

-- name: list_jobs
SELECT * FROM jobs
WHERE number < :before
  AND (:tenant = '' OR tenant = :tenant)
  AND (:states = '[]' OR state IN (SELECT value FROM json_each(:states)))
  AND NOT EXISTS (
      SELECT 1 FROM json_each(:labels) AS wanted
      WHERE NOT EXISTS (
          SELECT 1 FROM json_each(jobs.labels) AS label WHERE label.key = wanted.key AND label.value = wanted.value
      )
  )
ORDER BY number DESC LIMIT :limit;

-- name: hold_receiver
INSERT INTO receivers (url, not_before_us) VALUES (:url, :not_before_us)
ON CONFLICT (url) DO UPDATE SET not_before_us = max(not_before_us, excluded.not_before_us);
