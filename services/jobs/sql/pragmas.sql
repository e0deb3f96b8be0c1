-- How every connection is opened.

PRAGMA journal_mode = WAL;
-- A commit is on disk before anyone hears of it. NORMAL survives a killed process but loses commits at a power cut.
PRAGMA synchronous = FULL;
PRAGMA foreign_keys = ON;
-- Only readers of this process share the file: they wait for a checkpoint at most.
PRAGMA busy_timeout = 5000;
PRAGMA temp_store = MEMORY;
