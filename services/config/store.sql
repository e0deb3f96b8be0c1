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

-- name: finish
PRAGMA user_version = 2;

-- name: newest
SELECT environment, number, document, sha256, actor, comment, create_time_us
FROM version WHERE environment = :environment ORDER BY number DESC LIMIT 1;

-- name: one
SELECT environment, number, document, sha256, actor, comment, create_time_us
FROM version WHERE environment = :environment AND number = :number;

-- name: later
SELECT environment, number, document, sha256, actor, comment, create_time_us
FROM version WHERE environment = :environment AND number > :number ORDER BY number LIMIT :count;

-- name: earlier
SELECT environment, number, '' AS document, sha256, actor, comment, create_time_us
FROM version WHERE environment = :environment AND number < :number ORDER BY number DESC LIMIT :count;

-- name: insert
INSERT INTO version (environment, number, document, sha256, actor, comment, create_time_us)
VALUES (:environment, :number, :document, :sha256, :actor, :comment, :create_time_us);
