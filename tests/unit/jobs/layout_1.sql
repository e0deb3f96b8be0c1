-- A store as the first release left it: jobs done, deleted, in back-off, waiting and interrupted.
BEGIN TRANSACTION;
CREATE TABLE artifacts (
    job_number     INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
    path           TEXT    NOT NULL,
    body           TEXT    NOT NULL,
    PRIMARY KEY (job_number, path)
) STRICT, WITHOUT ROWID;
INSERT INTO "artifacts" VALUES(1,'metadata/analyze.json','{"media_type":"application/json","path":"metadata/analyze.json","role":"ANALYSIS","sha256":"0000000000000000000000000000000000000000000000000000000000000000","size_bytes":2,"step":"analyze"}');
INSERT INTO "artifacts" VALUES(1,'metadata/probe.json','{"media_type":"application/json","path":"metadata/probe.json","role":"ANALYSIS","sha256":"0000000000000000000000000000000000000000000000000000000000000000","size_bytes":2,"step":"probe"}');
INSERT INTO "artifacts" VALUES(1,'metadata/propose.json','{"media_type":"application/json","path":"metadata/propose.json","role":"ANALYSIS","sha256":"0000000000000000000000000000000000000000000000000000000000000000","size_bytes":2,"step":"propose"}');
CREATE TABLE deletions (
    job_id         TEXT    NOT NULL PRIMARY KEY,
    time_us        INTEGER NOT NULL,
    swept          INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
INSERT INTO "deletions" VALUES('00000000000000000000000000000002',1700000000000015,0);
CREATE TABLE events (
    job_number     INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
    sequence       INTEGER NOT NULL,
    time_us        INTEGER NOT NULL,
    step           TEXT    NOT NULL,
    message        TEXT    NOT NULL,
    delta          TEXT    NOT NULL,
    PRIMARY KEY (job_number, sequence)
) STRICT, WITHOUT ROWID;
INSERT INTO "events" VALUES(1,1,1700000000000002,'','accepted','{"artifacts":[],"end_us":null,"error":null,"start_us":null,"state":"PENDING","steps":[{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"PROBE","name":"probe","needs":[],"needs_any":false,"outages":0,"position":0,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"READY","token":0,"worker_deaths":0},{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"ANALYZE","name":"analyze","needs":["probe"],"needs_any":false,"outages":0,"position":1,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"PENDING","token":0,"worker_deaths":0},{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"PROPOSE","name":"propose","needs":["analyze"],"needs_any":false,"outages":0,"position":2,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"PENDING","token":0,"worker_deaths":0}]}');
INSERT INTO "events" VALUES(1,2,1700000000000004,'probe','probe started on analyzer-1, attempt 1','{"artifacts":[],"end_us":null,"error":null,"start_us":1700000000000004,"state":"RUNNING","steps":[{"attempts":1,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"analyzer-1","kind":"PROBE","name":"probe","needs":[],"needs_any":false,"outages":0,"position":0,"retry_delay_us":0,"retry_us":null,"start_us":1700000000000004,"state":"RUNNING","token":1,"worker_deaths":0}]}');
INSERT INTO "events" VALUES(1,3,1700000000000005,'probe','probe succeeded','{"artifacts":[{"media_type":"application/json","path":"metadata/probe.json","role":"ANALYSIS","sha256":"0000000000000000000000000000000000000000000000000000000000000000","size_bytes":2,"step":"probe"}],"end_us":null,"error":null,"start_us":1700000000000004,"state":"RUNNING","steps":[{"attempts":1,"carrier":{},"clip":null,"end_us":1700000000000005,"error":null,"failures":0,"follows":[],"instance":"analyzer-1","kind":"PROBE","name":"probe","needs":[],"needs_any":false,"outages":0,"position":0,"retry_delay_us":0,"retry_us":null,"start_us":1700000000000004,"state":"SUCCEEDED","token":1,"worker_deaths":0},{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"ANALYZE","name":"analyze","needs":["probe"],"needs_any":false,"outages":0,"position":1,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"READY","token":0,"worker_deaths":0}]}');
INSERT INTO "events" VALUES(1,4,1700000000000007,'analyze','analyze started on analyzer-1, attempt 1','{"artifacts":[],"end_us":null,"error":null,"start_us":1700000000000004,"state":"RUNNING","steps":[{"attempts":1,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"analyzer-1","kind":"ANALYZE","name":"analyze","needs":["probe"],"needs_any":false,"outages":0,"position":1,"retry_delay_us":0,"retry_us":null,"start_us":1700000000000007,"state":"RUNNING","token":1,"worker_deaths":0}]}');
INSERT INTO "events" VALUES(1,5,1700000000000008,'analyze','analyze succeeded','{"artifacts":[{"media_type":"application/json","path":"metadata/analyze.json","role":"ANALYSIS","sha256":"0000000000000000000000000000000000000000000000000000000000000000","size_bytes":2,"step":"analyze"}],"end_us":null,"error":null,"start_us":1700000000000004,"state":"RUNNING","steps":[{"attempts":1,"carrier":{},"clip":null,"end_us":1700000000000008,"error":null,"failures":0,"follows":[],"instance":"analyzer-1","kind":"ANALYZE","name":"analyze","needs":["probe"],"needs_any":false,"outages":0,"position":1,"retry_delay_us":0,"retry_us":null,"start_us":1700000000000007,"state":"SUCCEEDED","token":1,"worker_deaths":0},{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"PROPOSE","name":"propose","needs":["analyze"],"needs_any":false,"outages":0,"position":2,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"READY","token":0,"worker_deaths":0}]}');
INSERT INTO "events" VALUES(1,6,1700000000000010,'propose','propose started on analyzer-1, attempt 1','{"artifacts":[],"end_us":null,"error":null,"start_us":1700000000000004,"state":"RUNNING","steps":[{"attempts":1,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"analyzer-1","kind":"PROPOSE","name":"propose","needs":["analyze"],"needs_any":false,"outages":0,"position":2,"retry_delay_us":0,"retry_us":null,"start_us":1700000000000010,"state":"RUNNING","token":1,"worker_deaths":0}]}');
INSERT INTO "events" VALUES(1,7,1700000000000011,'propose','propose succeeded','{"artifacts":[{"media_type":"application/json","path":"metadata/propose.json","role":"ANALYSIS","sha256":"0000000000000000000000000000000000000000000000000000000000000000","size_bytes":2,"step":"propose"}],"end_us":null,"error":null,"start_us":1700000000000004,"state":"RUNNING","steps":[{"attempts":1,"carrier":{},"clip":null,"end_us":1700000000000011,"error":null,"failures":0,"follows":[],"instance":"analyzer-1","kind":"PROPOSE","name":"propose","needs":["analyze"],"needs_any":false,"outages":0,"position":2,"retry_delay_us":0,"retry_us":null,"start_us":1700000000000010,"state":"SUCCEEDED","token":1,"worker_deaths":0}]}');
INSERT INTO "events" VALUES(1,8,1700000000000011,'','succeeded','{"artifacts":[],"end_us":1700000000000011,"error":null,"start_us":1700000000000004,"state":"SUCCEEDED","steps":[]}');
INSERT INTO "events" VALUES(3,1,1700000000000016,'','accepted','{"artifacts":[],"end_us":null,"error":null,"start_us":null,"state":"PENDING","steps":[{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"PROBE","name":"probe","needs":[],"needs_any":false,"outages":0,"position":0,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"READY","token":0,"worker_deaths":0},{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"ANALYZE","name":"analyze","needs":["probe"],"needs_any":false,"outages":0,"position":1,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"PENDING","token":0,"worker_deaths":0},{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"PROPOSE","name":"propose","needs":["analyze"],"needs_any":false,"outages":0,"position":2,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"PENDING","token":0,"worker_deaths":0}]}');
INSERT INTO "events" VALUES(3,2,1700000000000018,'probe','probe started on analyzer-1, attempt 1','{"artifacts":[],"end_us":null,"error":null,"start_us":1700000000000018,"state":"RUNNING","steps":[{"attempts":1,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"analyzer-1","kind":"PROBE","name":"probe","needs":[],"needs_any":false,"outages":0,"position":0,"retry_delay_us":0,"retry_us":null,"start_us":1700000000000018,"state":"RUNNING","token":1,"worker_deaths":0}]}');
INSERT INTO "events" VALUES(3,3,1700000000000019,'probe','probe attempt 1: it broke; runs again in 10.0 s','{"artifacts":[],"end_us":null,"error":null,"start_us":1700000000000018,"state":"RUNNING","steps":[{"attempts":1,"carrier":{},"clip":null,"end_us":1700000000000019,"error":{"code":"INTERNAL","message":"it broke","metadata":{},"reason":"X"},"failures":1,"follows":[],"instance":"analyzer-1","kind":"PROBE","name":"probe","needs":[],"needs_any":false,"outages":0,"position":0,"retry_delay_us":10000000,"retry_us":1700000010000019,"start_us":1700000000000018,"state":"READY","token":1,"worker_deaths":0}]}');
INSERT INTO "events" VALUES(4,1,1700000000000021,'','accepted','{"artifacts":[],"end_us":null,"error":null,"start_us":null,"state":"PENDING","steps":[{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"PROBE","name":"probe","needs":[],"needs_any":false,"outages":0,"position":0,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"READY","token":0,"worker_deaths":0},{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"ANALYZE","name":"analyze","needs":["probe"],"needs_any":false,"outages":0,"position":1,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"PENDING","token":0,"worker_deaths":0},{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"PROPOSE","name":"propose","needs":["analyze"],"needs_any":false,"outages":0,"position":2,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"PENDING","token":0,"worker_deaths":0}]}');
INSERT INTO "events" VALUES(5,1,1700000000000023,'','accepted','{"artifacts":[],"end_us":null,"error":null,"start_us":null,"state":"PENDING","steps":[{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"PROBE","name":"probe","needs":[],"needs_any":false,"outages":0,"position":0,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"READY","token":0,"worker_deaths":0},{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"ANALYZE","name":"analyze","needs":["probe"],"needs_any":false,"outages":0,"position":1,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"PENDING","token":0,"worker_deaths":0},{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"PROPOSE","name":"propose","needs":["analyze"],"needs_any":false,"outages":0,"position":2,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"PENDING","token":0,"worker_deaths":0}]}');
INSERT INTO "events" VALUES(5,2,1700000000000027,'probe','probe started on analyzer-1, attempt 1','{"artifacts":[],"end_us":null,"error":null,"start_us":1700000000000027,"state":"RUNNING","steps":[{"attempts":1,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"analyzer-1","kind":"PROBE","name":"probe","needs":[],"needs_any":false,"outages":0,"position":0,"retry_delay_us":0,"retry_us":null,"start_us":1700000000000027,"state":"RUNNING","token":1,"worker_deaths":0}]}');
INSERT INTO "events" VALUES(6,1,1700000000000025,'','accepted','{"artifacts":[],"end_us":null,"error":null,"start_us":null,"state":"PENDING","steps":[{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"PROBE","name":"probe","needs":[],"needs_any":false,"outages":0,"position":0,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"READY","token":0,"worker_deaths":0},{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"ANALYZE","name":"analyze","needs":["probe"],"needs_any":false,"outages":0,"position":1,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"PENDING","token":0,"worker_deaths":0},{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"PROPOSE","name":"propose","needs":["analyze"],"needs_any":false,"outages":0,"position":2,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"PENDING","token":0,"worker_deaths":0}]}');
CREATE TABLE job_counts (state TEXT NOT NULL PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO "job_counts" VALUES('CANCELLED',0);
INSERT INTO "job_counts" VALUES('PENDING',2);
INSERT INTO "job_counts" VALUES('RUNNING',2);
INSERT INTO "job_counts" VALUES('SUCCEEDED',1);
CREATE TABLE jobs (
    number         INTEGER PRIMARY KEY AUTOINCREMENT,  -- order of acceptance; never used twice, for pages rely on it
    id             TEXT    NOT NULL UNIQUE,
    state          TEXT    NOT NULL,
    priority       INTEGER NOT NULL,
    create_us      INTEGER NOT NULL,
    start_us       INTEGER,
    end_us         INTEGER,
    sequence       INTEGER NOT NULL,
    error          TEXT,
    spec           TEXT    NOT NULL,
    labels         TEXT    NOT NULL,
    carrier        TEXT    NOT NULL
) STRICT;
INSERT INTO "jobs" VALUES(1,'00000000000000000000000000000001','SUCCEEDED',0,1700000000000002,1700000000000004,1700000000000011,8,NULL,'{"analyze_only":true,"aspect_ratio":"","captions":null,"clips":[],"count":5,"diversity":0.0,"duration_max_s":60.0,"duration_min_s":15.0,"durations":[],"durations_apart":false,"edit":{},"evidence":false,"exclusions":[],"explain":0,"gap_min_s":0.0,"genre":"","keywords":[],"labels":{},"layout":"","manifest_uri":"","mode":"","overlays":null,"preset":"default","priority":0,"range":null,"source_uri":"file:///films/talk.mp4","timelines":[],"title":"talk.mp4","transcript_uri":"","video_codec":"","weights":{}}','{}','{}');
INSERT INTO "jobs" VALUES(3,'00000000000000000000000000000003','RUNNING',0,1700000000000016,1700000000000018,NULL,3,NULL,'{"analyze_only":false,"aspect_ratio":"","captions":null,"clips":[],"count":5,"diversity":0.0,"duration_max_s":60.0,"duration_min_s":15.0,"durations":[],"durations_apart":false,"edit":{},"evidence":false,"exclusions":[],"explain":0,"gap_min_s":0.0,"genre":"","keywords":[],"labels":{"team":"x"},"layout":"","manifest_uri":"","mode":"","overlays":null,"preset":"default","priority":0,"range":null,"source_uri":"file:///films/talk.mp4","timelines":[],"title":"talk.mp4","transcript_uri":"","video_codec":"","weights":{}}','{"team":"x"}','{}');
INSERT INTO "jobs" VALUES(4,'00000000000000000000000000000004','PENDING',-5,1700000000000021,NULL,NULL,1,NULL,'{"analyze_only":false,"aspect_ratio":"","captions":null,"clips":[],"count":5,"diversity":0.0,"duration_max_s":60.0,"duration_min_s":15.0,"durations":[],"durations_apart":false,"edit":{},"evidence":false,"exclusions":[],"explain":0,"gap_min_s":0.0,"genre":"","keywords":[],"labels":{},"layout":"","manifest_uri":"","mode":"","overlays":null,"preset":"default","priority":-5,"range":null,"source_uri":"file:///films/talk.mp4","timelines":[],"title":"talk.mp4","transcript_uri":"","video_codec":"","weights":{}}','{}','{}');
INSERT INTO "jobs" VALUES(5,'00000000000000000000000000000005','RUNNING',5,1700000000000023,1700000000000027,NULL,2,NULL,'{"analyze_only":false,"aspect_ratio":"","captions":null,"clips":[],"count":5,"diversity":0.0,"duration_max_s":60.0,"duration_min_s":15.0,"durations":[],"durations_apart":false,"edit":{},"evidence":false,"exclusions":[],"explain":0,"gap_min_s":0.0,"genre":"","keywords":[],"labels":{},"layout":"","manifest_uri":"","mode":"","overlays":null,"preset":"default","priority":5,"range":null,"source_uri":"file:///films/talk.mp4","timelines":[],"title":"talk.mp4","transcript_uri":"","video_codec":"","weights":{}}','{}','{}');
INSERT INTO "jobs" VALUES(6,'00000000000000000000000000000006','PENDING',0,1700000000000025,NULL,NULL,1,NULL,'{"analyze_only":false,"aspect_ratio":"","captions":null,"clips":[],"count":5,"diversity":0.0,"duration_max_s":60.0,"duration_min_s":15.0,"durations":[],"durations_apart":false,"edit":{},"evidence":false,"exclusions":[],"explain":0,"gap_min_s":0.0,"genre":"","keywords":[],"labels":{},"layout":"","manifest_uri":"","mode":"","overlays":null,"preset":"default","priority":0,"range":null,"source_uri":"file:///films/talk.mp4","timelines":[],"title":"talk.mp4","transcript_uri":"","video_codec":"","weights":{}}','{}','{}');
CREATE TABLE pulse (
    id             INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    time_us        INTEGER NOT NULL
) STRICT;
INSERT INTO "pulse" VALUES(1,0);
CREATE TABLE request_ids (
    request_id     TEXT    NOT NULL PRIMARY KEY,
    job_id         TEXT    NOT NULL,
    digest         TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "request_ids" VALUES('first','00000000000000000000000000000001','e05ea3cc6fe3346ea26661184c8bc2f4e9270df1b882240f1339908d11fc3ca9');
INSERT INTO "request_ids" VALUES('second','00000000000000000000000000000002','926545d525afafc84a7e7242a3268c51d9765599037b467884d54c6b67d057af');
INSERT INTO "request_ids" VALUES('third','00000000000000000000000000000003','da96c8ded30850392308325ddd34e75a2a7444f6f73855f55a9ec9455656063f');
CREATE TABLE step_counts (state TEXT NOT NULL PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO "step_counts" VALUES('CANCELLED',0);
INSERT INTO "step_counts" VALUES('PENDING',8);
INSERT INTO "step_counts" VALUES('READY',3);
INSERT INTO "step_counts" VALUES('RUNNING',1);
INSERT INTO "step_counts" VALUES('SUCCEEDED',3);
CREATE TABLE steps (
    job_number     INTEGER NOT NULL REFERENCES jobs (number) ON DELETE CASCADE,
    name           TEXT    NOT NULL,
    position       INTEGER NOT NULL,
    kind           TEXT    NOT NULL,
    state          TEXT    NOT NULL,
    priority       INTEGER NOT NULL,
    token          INTEGER NOT NULL,
    ready_us       INTEGER,             -- wall time at which it became ready, for people only
    not_before_us  INTEGER NOT NULL,    -- monotonic clock of the running manager; worked out anew at every start
    body           TEXT    NOT NULL,
    PRIMARY KEY (job_number, name)
) STRICT, WITHOUT ROWID;
INSERT INTO "steps" VALUES(1,'analyze',1,'ANALYZE','SUCCEEDED',0,1,NULL,0,'{"attempts":1,"carrier":{},"clip":null,"end_us":1700000000000008,"error":null,"failures":0,"follows":[],"instance":"analyzer-1","kind":"ANALYZE","name":"analyze","needs":["probe"],"needs_any":false,"outages":0,"position":1,"retry_delay_us":0,"retry_us":null,"start_us":1700000000000007,"state":"SUCCEEDED","token":1,"worker_deaths":0}');
INSERT INTO "steps" VALUES(1,'probe',0,'PROBE','SUCCEEDED',0,1,NULL,0,'{"attempts":1,"carrier":{},"clip":null,"end_us":1700000000000005,"error":null,"failures":0,"follows":[],"instance":"analyzer-1","kind":"PROBE","name":"probe","needs":[],"needs_any":false,"outages":0,"position":0,"retry_delay_us":0,"retry_us":null,"start_us":1700000000000004,"state":"SUCCEEDED","token":1,"worker_deaths":0}');
INSERT INTO "steps" VALUES(1,'propose',2,'PROPOSE','SUCCEEDED',0,1,NULL,0,'{"attempts":1,"carrier":{},"clip":null,"end_us":1700000000000011,"error":null,"failures":0,"follows":[],"instance":"analyzer-1","kind":"PROPOSE","name":"propose","needs":["analyze"],"needs_any":false,"outages":0,"position":2,"retry_delay_us":0,"retry_us":null,"start_us":1700000000000010,"state":"SUCCEEDED","token":1,"worker_deaths":0}');
INSERT INTO "steps" VALUES(3,'analyze',1,'ANALYZE','PENDING',0,0,NULL,0,'{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"ANALYZE","name":"analyze","needs":["probe"],"needs_any":false,"outages":0,"position":1,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"PENDING","token":0,"worker_deaths":0}');
INSERT INTO "steps" VALUES(3,'probe',0,'PROBE','READY',0,1,1700000000000020,1010000000,'{"attempts":1,"carrier":{},"clip":null,"end_us":1700000000000019,"error":{"code":"INTERNAL","message":"it broke","metadata":{},"reason":"X"},"failures":1,"follows":[],"instance":"analyzer-1","kind":"PROBE","name":"probe","needs":[],"needs_any":false,"outages":0,"position":0,"retry_delay_us":10000000,"retry_us":1700000010000019,"start_us":1700000000000018,"state":"READY","token":1,"worker_deaths":0}');
INSERT INTO "steps" VALUES(3,'propose',2,'PROPOSE','PENDING',0,0,NULL,0,'{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"PROPOSE","name":"propose","needs":["analyze"],"needs_any":false,"outages":0,"position":2,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"PENDING","token":0,"worker_deaths":0}');
INSERT INTO "steps" VALUES(4,'analyze',1,'ANALYZE','PENDING',-5,0,NULL,0,'{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"ANALYZE","name":"analyze","needs":["probe"],"needs_any":false,"outages":0,"position":1,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"PENDING","token":0,"worker_deaths":0}');
INSERT INTO "steps" VALUES(4,'probe',0,'PROBE','READY',-5,0,1700000000000022,0,'{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"PROBE","name":"probe","needs":[],"needs_any":false,"outages":0,"position":0,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"READY","token":0,"worker_deaths":0}');
INSERT INTO "steps" VALUES(4,'propose',2,'PROPOSE','PENDING',-5,0,NULL,0,'{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"PROPOSE","name":"propose","needs":["analyze"],"needs_any":false,"outages":0,"position":2,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"PENDING","token":0,"worker_deaths":0}');
INSERT INTO "steps" VALUES(5,'analyze',1,'ANALYZE','PENDING',5,0,NULL,0,'{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"ANALYZE","name":"analyze","needs":["probe"],"needs_any":false,"outages":0,"position":1,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"PENDING","token":0,"worker_deaths":0}');
INSERT INTO "steps" VALUES(5,'probe',0,'PROBE','RUNNING',5,1,NULL,0,'{"attempts":1,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"analyzer-1","kind":"PROBE","name":"probe","needs":[],"needs_any":false,"outages":0,"position":0,"retry_delay_us":0,"retry_us":null,"start_us":1700000000000027,"state":"RUNNING","token":1,"worker_deaths":0}');
INSERT INTO "steps" VALUES(5,'propose',2,'PROPOSE','PENDING',5,0,NULL,0,'{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"PROPOSE","name":"propose","needs":["analyze"],"needs_any":false,"outages":0,"position":2,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"PENDING","token":0,"worker_deaths":0}');
INSERT INTO "steps" VALUES(6,'analyze',1,'ANALYZE','PENDING',0,0,NULL,0,'{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"ANALYZE","name":"analyze","needs":["probe"],"needs_any":false,"outages":0,"position":1,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"PENDING","token":0,"worker_deaths":0}');
INSERT INTO "steps" VALUES(6,'probe',0,'PROBE','READY',0,0,1700000000000026,0,'{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"PROBE","name":"probe","needs":[],"needs_any":false,"outages":0,"position":0,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"READY","token":0,"worker_deaths":0}');
INSERT INTO "steps" VALUES(6,'propose',2,'PROPOSE','PENDING',0,0,NULL,0,'{"attempts":0,"carrier":{},"clip":null,"end_us":null,"error":null,"failures":0,"follows":[],"instance":"","kind":"PROPOSE","name":"propose","needs":["analyze"],"needs_any":false,"outages":0,"position":2,"retry_delay_us":0,"retry_us":null,"start_us":null,"state":"PENDING","token":0,"worker_deaths":0}');
CREATE INDEX jobs_by_state ON jobs (state, number);
CREATE INDEX steps_ready ON steps (kind, priority DESC, job_number, position) WHERE state = 'READY';
CREATE INDEX steps_waiting ON steps (not_before_us) WHERE state = 'READY' AND not_before_us > 0;
CREATE INDEX steps_oldest ON steps (ready_us) WHERE state = 'READY';
CREATE INDEX steps_running ON steps (job_number) WHERE state = 'RUNNING';
CREATE INDEX deletions_unswept ON deletions (job_id) WHERE swept = 0;
CREATE TRIGGER jobs_counted_in AFTER INSERT ON jobs BEGIN
    INSERT INTO job_counts (state, count) VALUES (NEW.state, 1) ON CONFLICT (state) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER jobs_counted_out AFTER DELETE ON jobs BEGIN
    UPDATE job_counts SET count = count - 1 WHERE state = OLD.state;
END;
CREATE TRIGGER jobs_counted_over AFTER UPDATE OF state ON jobs WHEN OLD.state <> NEW.state BEGIN
    UPDATE job_counts SET count = count - 1 WHERE state = OLD.state;
    INSERT INTO job_counts (state, count) VALUES (NEW.state, 1) ON CONFLICT (state) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER steps_counted_in AFTER INSERT ON steps BEGIN
    INSERT INTO step_counts (state, count) VALUES (NEW.state, 1) ON CONFLICT (state) DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER steps_counted_out AFTER DELETE ON steps BEGIN
    UPDATE step_counts SET count = count - 1 WHERE state = OLD.state;
END;
CREATE TRIGGER steps_counted_over AFTER UPDATE OF state ON steps WHEN OLD.state <> NEW.state BEGIN
    UPDATE step_counts SET count = count - 1 WHERE state = OLD.state;
    INSERT INTO step_counts (state, count) VALUES (NEW.state, 1) ON CONFLICT (state) DO UPDATE SET count = count + 1;
END;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('jobs',6);
COMMIT;
PRAGMA user_version = 1;
