-- Statements of proposals. Each has a name, by which store.py calls it.

-- name: create
CREATE TABLE proposal (
    id               INTEGER PRIMARY KEY AUTOINCREMENT, -- a number is never given twice
    environment      TEXT    NOT NULL,
    layer            TEXT    NOT NULL, -- whose layer changes; see layers.Reader
    expected         INTEGER NOT NULL, -- version that it starts from
    document         TEXT    NOT NULL,
    overlays         TEXT    NOT NULL,
    state            TEXT    NOT NULL CHECK (state IN ('pending', 'approved', 'rejected')),
    actor            TEXT    NOT NULL,
    comment          TEXT    NOT NULL,
    create_time_us   INTEGER NOT NULL, -- microseconds since 1970 UTC
    decider          TEXT    NOT NULL DEFAULT '',
    decision_comment TEXT    NOT NULL DEFAULT '',
    decide_time_us   INTEGER NOT NULL DEFAULT 0,
    version          INTEGER NOT NULL DEFAULT 0,
    CHECK (state <> 'approved' OR (decider <> actor AND version > 0))
) STRICT;
CREATE TRIGGER decision_is_never_changed BEFORE UPDATE ON proposal WHEN OLD.state <> 'pending'
BEGIN SELECT RAISE(ABORT, 'a decision is never changed'); END;
CREATE TRIGGER proposal_is_never_changed BEFORE UPDATE ON proposal
WHEN (OLD.environment, OLD.layer, OLD.expected, OLD.document, OLD.overlays, OLD.actor, OLD.comment) <>
     (NEW.environment, NEW.layer, NEW.expected, NEW.document, NEW.overlays, NEW.actor, NEW.comment)
BEGIN SELECT RAISE(ABORT, 'a proposal is never changed'); END;

-- name: one
SELECT * FROM proposal WHERE id = :id;

-- name: page
SELECT * FROM proposal WHERE id < :before AND (NOT :pending_only OR state = 'pending') ORDER BY id DESC LIMIT :count;

-- name: pending
SELECT count(*) FROM proposal WHERE state = 'pending';

-- name: insert
INSERT INTO proposal (environment, layer, expected, document, overlays, state, actor, comment, create_time_us)
VALUES (:environment, :layer, :expected, :document, :overlays, 'pending', :actor, :comment, :create_time_us);

-- name: decide
UPDATE proposal SET state = :state, decider = :decider, decision_comment = :decision_comment,
    decide_time_us = :decide_time_us, version = :version
WHERE id = :id;

-- name: compact
DELETE FROM proposal WHERE state <> 'pending' AND id <= :id;
