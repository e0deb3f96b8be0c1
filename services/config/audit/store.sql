-- Statements of the record of events. Each has a name, by which store.py calls it.

-- name: create
CREATE TABLE event (
    sequence INTEGER PRIMARY KEY, -- from 1, without a gap
    body     BLOB NOT NULL,       -- see chain.body
    hash     BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'an event is never changed'); END;
CREATE TRIGGER event_is_never_removed BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'an event is never removed'); END;

-- name: last
SELECT sequence, body, hash FROM event ORDER BY sequence DESC LIMIT 1;

-- name: insert
INSERT INTO event (sequence, body, hash) VALUES (:sequence, :body, :hash);

-- name: earlier
SELECT sequence, body, hash FROM event WHERE sequence < :before ORDER BY sequence DESC LIMIT :count;

-- name: later
SELECT sequence, body, hash FROM event WHERE sequence > :after ORDER BY sequence LIMIT :count;
