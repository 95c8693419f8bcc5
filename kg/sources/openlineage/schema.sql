-- What OpenLineage events have told. Each row keeps a greatest or a least of all that was told, or is
-- merely there, so the order of the events and how often each came make no difference.

-- What the graph has yet to be told of: entities of events that are kept, until they are on the bus.
CREATE TABLE IF NOT EXISTS untold (
    source TEXT NOT NULL,
    type   TEXT NOT NULL,
    key    TEXT NOT NULL,
    PRIMARY KEY (source, type, key)
) WITHOUT ROWID;

-- Whatever was named: jobs and datasets; `key` is made of namespace and name.
CREATE TABLE IF NOT EXISTS thing (
    kind      TEXT NOT NULL,   -- job | dataset
    key       TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name      TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;

-- A facet as it was told last; of two told at the same time, the greater text.
CREATE TABLE IF NOT EXISTS fact (
    kind  TEXT NOT NULL,       -- job | dataset | run
    key   TEXT NOT NULL,
    facet TEXT NOT NULL,
    time  TEXT NOT NULL,
    told  TEXT NOT NULL,
    PRIMARY KEY (kind, key, facet)
) WITHOUT ROWID;

-- When a run first was told to be in a state.
CREATE TABLE IF NOT EXISTS moment (
    run  TEXT NOT NULL,
    type TEXT NOT NULL,
    time TEXT NOT NULL,
    PRIMARY KEY (run, type)
) WITHOUT ROWID;

-- Whose run it is; what it says itself (1) counts more than what its children say (0).
CREATE TABLE IF NOT EXISTS ran (
    run  TEXT NOT NULL PRIMARY KEY,
    job  TEXT NOT NULL,
    own  INTEGER NOT NULL,
    time TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ran_job ON ran (job);

CREATE TABLE IF NOT EXISTS parent (
    run    TEXT NOT NULL PRIMARY KEY,
    parent TEXT NOT NULL,
    time   TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS parent_parent ON parent (parent);

-- What a run read and wrote, or a job does by design, and when that was last told.
CREATE TABLE IF NOT EXISTS edge (
    kind    TEXT NOT NULL,     -- run | job
    key     TEXT NOT NULL,
    way     TEXT NOT NULL,     -- input | output
    dataset TEXT NOT NULL,
    time    TEXT NOT NULL,
    PRIMARY KEY (kind, key, way, dataset)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS edge_dataset ON edge (dataset, way, kind);
