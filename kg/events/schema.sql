-- What is still to do for the graph. An entity stands in `work` once, however many events tell of
-- it; `told` counts them, so that an event arriving while the entity is being hydrated is seen.
CREATE TABLE IF NOT EXISTS work (
    source      TEXT NOT NULL,
    type        TEXT NOT NULL,
    key         TEXT NOT NULL,
    event_type  TEXT NOT NULL,
    event_id    TEXT NOT NULL,
    told        INTEGER NOT NULL DEFAULT 1,
    received_at REAL NOT NULL,
    happened_at REAL,                              -- as the first event says, else when it came
    state       TEXT NOT NULL DEFAULT 'pending',   -- pending | dead
    attempts    INTEGER NOT NULL DEFAULT 0,
    next_try    REAL NOT NULL DEFAULT 0,
    error       TEXT,
    PRIMARY KEY (source, type, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS work_due ON work (source, state, next_try, received_at);

-- What others refer to and the graph knows nothing of yet: `hangs` is how many statements do. It is
-- turned to, in the order of that, when its source has nothing else to tell.
CREATE TABLE IF NOT EXISTS awaited (
    source TEXT NOT NULL,
    type   TEXT NOT NULL,
    key    TEXT NOT NULL,
    hangs  INTEGER NOT NULL,
    PRIMARY KEY (source, type, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS awaited_most ON awaited (source, hangs);

-- What people ask to be written, and what became of it. The bytes stay as they were sent.
CREATE TABLE IF NOT EXISTS request (
    id          TEXT PRIMARY KEY,
    kind        TEXT NOT NULL,
    body        BLOB NOT NULL,
    format      TEXT NOT NULL,
    sha256      TEXT NOT NULL,
    sent_by     TEXT NOT NULL,
    received_at REAL NOT NULL,
    state       TEXT NOT NULL DEFAULT 'pending',   -- pending | done | refused
    outcome     TEXT,
    decided_at  REAL
);
CREATE INDEX IF NOT EXISTS request_due ON request (state, received_at);

-- How far each source can be relied on. `listed` is what it had at its last sweep, `healed` how many
-- changes only a sweep has found, `lags` the latest waits from an event's time to its commit, in
-- seconds, as JSON.
CREATE TABLE IF NOT EXISTS trust (
    name   TEXT PRIMARY KEY,
    listed INTEGER,
    healed INTEGER NOT NULL DEFAULT 0,
    lags   TEXT NOT NULL DEFAULT '[]'
);

-- The notices of sources that have come lately, so that one that comes again is known.
CREATE TABLE IF NOT EXISTS delivery (
    source TEXT NOT NULL,
    id     TEXT NOT NULL,
    at     REAL NOT NULL,
    PRIMARY KEY (source, id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS delivery_at ON delivery (at);

-- How many notices could not be believed.
CREATE TABLE IF NOT EXISTS refusal (
    source  TEXT PRIMARY KEY,
    notices INTEGER NOT NULL
);

-- How each source does, as the worker sees it.
CREATE TABLE IF NOT EXISTS source (
    name         TEXT PRIMARY KEY,
    last_event   REAL,
    last_success REAL,
    last_sweep   REAL,
    last_error   TEXT,
    failing      INTEGER NOT NULL DEFAULT 0
);

-- When each entity was last asked for at its source, and the answer committed.
CREATE TABLE IF NOT EXISTS hydrated (
    source TEXT NOT NULL,
    type   TEXT NOT NULL,
    key    TEXT NOT NULL,
    at     REAL NOT NULL,
    PRIMARY KEY (source, type, key)
) WITHOUT ROWID;

-- The sweep that is under way at a source, or was interrupted; `reached` is when it last came further.
CREATE TABLE IF NOT EXISTS sweep (
    source  TEXT PRIMARY KEY,
    id      TEXT NOT NULL,
    began   REAL NOT NULL,
    reached REAL NOT NULL
);
