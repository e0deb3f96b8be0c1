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

-- name: stretches
CREATE TABLE stretch (
    first  INTEGER NOT NULL,    -- sequence of its first event
    last   INTEGER PRIMARY KEY, -- sequence of its last event
    bodies BLOB NOT NULL,       -- see sealing.Stretch
    hashes BLOB NOT NULL CHECK (length(hashes) = 32 * (last - first + 1)),
    seal   BLOB NOT NULL CHECK (length(seal) = 32)
) STRICT;
CREATE TRIGGER stretch_is_never_changed BEFORE UPDATE ON stretch
BEGIN SELECT RAISE(ABORT, 'a stretch is never changed'); END;
CREATE TRIGGER stretch_is_never_removed BEFORE DELETE ON stretch
BEGIN SELECT RAISE(ABORT, 'a stretch is never removed'); END;
DROP TRIGGER event_is_never_removed;
CREATE TRIGGER event_is_never_removed BEFORE DELETE ON event
WHEN OLD.sequence > (SELECT coalesce(max(last), 0) FROM stretch)
BEGIN SELECT RAISE(ABORT, 'an event is never removed before it is sealed'); END;

-- name: last
SELECT sequence, hash FROM event ORDER BY sequence DESC LIMIT 1;

-- name: insert
INSERT INTO event (sequence, body, hash) VALUES (:sequence, :body, :hash);

-- name: earlier
SELECT sequence, body, hash FROM event WHERE sequence < :before ORDER BY sequence DESC LIMIT :count;

-- name: later
SELECT sequence, body, hash FROM event WHERE sequence > :after ORDER BY sequence LIMIT :count;

-- name: sealed
SELECT last, seal FROM stretch ORDER BY last DESC LIMIT 1;

-- name: insert_stretch
INSERT INTO stretch (first, last, bodies, hashes, seal) VALUES (:first, :last, :bodies, :hashes, :seal);

-- name: forget
DELETE FROM event WHERE sequence <= :last;

-- name: earlier_stretches
SELECT first, last, bodies, hashes, seal FROM stretch WHERE first < :before ORDER BY last DESC;

-- name: later_stretches
SELECT first, last, bodies, hashes, seal FROM stretch WHERE last > :after ORDER BY last LIMIT :count;
