-- Statements of the store. Each has a name, by which store.py calls it.

-- name: create
CREATE TABLE version (
    environment    TEXT    NOT NULL,
    number         INTEGER NOT NULL CHECK (number > 0),
    document       TEXT    NOT NULL,
    sha256         TEXT    NOT NULL CHECK (length(sha256) = 64),
    actor          TEXT    NOT NULL,
    comment        TEXT    NOT NULL,
    create_time_us INTEGER NOT NULL, -- microseconds since 1970 UTC
    PRIMARY KEY (environment, number)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER version_is_never_changed BEFORE UPDATE ON version
BEGIN SELECT RAISE(ABORT, 'a version is never changed'); END;
CREATE TRIGGER version_is_never_removed BEFORE DELETE ON version
BEGIN SELECT RAISE(ABORT, 'a version is never removed'); END;
CREATE TRIGGER versions_have_no_gap BEFORE INSERT ON version
WHEN NEW.number <> 1 + (SELECT coalesce(max(number), 0) FROM version WHERE environment = NEW.environment)
BEGIN SELECT RAISE(ABORT, 'versions have no gap'); END;

-- name: layers
ALTER TABLE version ADD COLUMN overlays TEXT NOT NULL DEFAULT '{}'; -- layers over the document, by name
DROP TRIGGER version_is_never_removed;
CREATE TRIGGER newest_version_is_never_removed BEFORE DELETE ON version
WHEN OLD.number = (SELECT max(number) FROM version WHERE environment = OLD.environment)
BEGIN SELECT RAISE(ABORT, 'the newest version is never removed'); END;
CREATE TRIGGER versions_lose_only_their_beginning BEFORE DELETE ON version
WHEN EXISTS (SELECT 1 FROM version WHERE environment = OLD.environment AND number < OLD.number)
BEGIN SELECT RAISE(ABORT, 'only the oldest version is removed'); END;

-- name: finish
PRAGMA user_version = 4;

-- name: newest
SELECT environment, number, document, sha256, actor, comment, create_time_us, overlays
FROM version WHERE environment = :environment ORDER BY number DESC LIMIT 1;

-- name: one
SELECT environment, number, document, sha256, actor, comment, create_time_us, overlays
FROM version WHERE environment = :environment AND number = :number;

-- name: later
SELECT environment, number, document, sha256, actor, comment, create_time_us, overlays
FROM version WHERE environment = :environment AND number > :number ORDER BY number LIMIT :count;

-- name: earlier
SELECT environment, number, '' AS document, sha256, actor, comment, create_time_us, '' AS overlays
FROM version WHERE environment = :environment AND number < :number ORDER BY number DESC LIMIT :count;

-- name: insert
INSERT INTO version (environment, number, document, sha256, actor, comment, create_time_us, overlays)
VALUES (:environment, :number, :document, :sha256, :actor, :comment, :create_time_us, :overlays);

-- name: compact
DELETE FROM version WHERE environment = :environment AND number <= :number;

-- name: environments
SELECT DISTINCT environment FROM version ORDER BY environment;
