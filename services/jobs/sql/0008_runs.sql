-- How long steps took of late, for the times that are foretold: a fixed number of each kind, the oldest overwritten.

BEGIN IMMEDIATE;

CREATE TABLE runs (
    kind           TEXT    NOT NULL,
    slot           INTEGER NOT NULL,
    number         INTEGER NOT NULL,    -- counts up: which one is older
    amount         REAL    NOT NULL,    -- how much it worked on: see forecast.py
    seconds        REAL    NOT NULL,    -- by a clock that never jumps
    PRIMARY KEY (kind, slot)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 8;
COMMIT;
