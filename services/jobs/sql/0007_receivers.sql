-- News waits by receiver, is counted by triggers as jobs are, and is not kept for a job that is gone.

BEGIN IMMEDIATE;

DELETE FROM outbox WHERE given_up = 1 AND job_id IN (SELECT job_id FROM deletions);

-- Receivers that failed, and until when nothing is sent to them; the news itself stays as it is, however much there is.
CREATE TABLE receivers (
    url            TEXT    NOT NULL PRIMARY KEY,
    not_before_us  INTEGER NOT NULL    -- monotonic clock of the running manager; empty after a restart
) STRICT, WITHOUT ROWID;

DROP INDEX outbox_due;
CREATE INDEX outbox_due ON outbox (not_before_us, number, url) WHERE given_up = 0;
CREATE INDEX outbox_given_up ON outbox (number) WHERE given_up = 1;

CREATE TABLE notice_counts (given_up INTEGER NOT NULL PRIMARY KEY, count INTEGER NOT NULL) STRICT;

INSERT INTO notice_counts (given_up, count) VALUES
    (0, (SELECT count(*) FROM outbox WHERE given_up = 0)), (1, (SELECT count(*) FROM outbox WHERE given_up = 1));

CREATE TRIGGER notices_counted_in AFTER INSERT ON outbox BEGIN
    UPDATE notice_counts SET count = count + 1 WHERE given_up = NEW.given_up;
END;
CREATE TRIGGER notices_counted_out AFTER DELETE ON outbox BEGIN
    UPDATE notice_counts SET count = count - 1 WHERE given_up = OLD.given_up;
END;
CREATE TRIGGER notices_counted_over AFTER UPDATE OF given_up ON outbox WHEN OLD.given_up <> NEW.given_up BEGIN
    UPDATE notice_counts SET count = count - 1 WHERE given_up = OLD.given_up;
    UPDATE notice_counts SET count = count + 1 WHERE given_up = NEW.given_up;
END;

PRAGMA user_version = 7;
COMMIT;
