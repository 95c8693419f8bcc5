"""The statements of the inbox; `schema.sql` beside this has its tables."""

from kg.events import rows

_WE_TELL = f"(excluded.event_id GLOB '{rows.SWEEP}*')"
_WAITS = f"(state = 'pending' AND NOT (event_id GLOB '{rows.SWEEP}*' OR event_id GLOB '{rows.REFERENCE}*'))"
"""An event of the source that waits still: a sweep that comes upon the same does not take its place."""
TELL = f"""
INSERT INTO work (source, type, key, event_type, event_id, received_at, happened_at)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET told = told + 1,
    event_type = CASE WHEN {_WAITS} AND {_WE_TELL} THEN event_type ELSE excluded.event_type END,
    event_id = CASE WHEN {_WAITS} AND {_WE_TELL} THEN event_id ELSE excluded.event_id END,
    state = 'pending', next_try = 0, attempts = 0, error = NULL,
    happened_at = min(coalesce(happened_at, received_at), excluded.happened_at)
"""
HEARD = """
INSERT INTO source (name, last_event) VALUES (?, ?)
ON CONFLICT DO UPDATE SET last_event = excluded.last_event
"""
DELIVERED = "INSERT INTO delivery (source, id, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
DELIVERIES_FORGOTTEN = "DELETE FROM delivery WHERE at < ?"
REFUSED = """
INSERT INTO refusal (source, notices) VALUES (?, 1)
ON CONFLICT DO UPDATE SET notices = notices + 1
"""
REFUSALS = "SELECT notices FROM refusal WHERE source = ?"
DUE = """
SELECT type, key, event_id, told, attempts, coalesce(happened_at, received_at) FROM work
WHERE source = ? AND state = 'pending' AND next_try <= ? ORDER BY next_try, received_at LIMIT ?
"""
SOURCES = """
WITH RECURSIVE told (source) AS (
    SELECT min(source) FROM work
    UNION ALL
    SELECT (SELECT min(source) FROM work WHERE source > told.source) FROM told
    WHERE told.source IS NOT NULL
), referred_to (source) AS (
    SELECT min(source) FROM awaited
    UNION ALL
    SELECT (SELECT min(source) FROM awaited WHERE source > referred_to.source) FROM referred_to
    WHERE referred_to.source IS NOT NULL
)
SELECT source FROM told WHERE source IS NOT NULL
UNION SELECT source FROM referred_to WHERE source IS NOT NULL
"""
AWAIT = """
INSERT INTO awaited (source, type, key, hangs)
SELECT :source, :type, :key, :hangs
WHERE NOT EXISTS (SELECT 1 FROM work WHERE (source, type, key) = (:source, :type, :key))
  AND NOT EXISTS (SELECT 1 FROM hydrated
                  WHERE (source, type, key) = (:source, :type, :key) AND at > :asked_after)
ON CONFLICT DO UPDATE SET hangs = hangs + excluded.hangs
"""
MOST_AWAITED = "SELECT type, key FROM awaited WHERE source = ? ORDER BY hangs DESC LIMIT ?"
TURN_TO = """
INSERT INTO work (source, type, key, event_type, event_id, received_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""
AWAITED_NO_MORE = "DELETE FROM awaited WHERE source = ? AND type = ? AND key = ?"
DONE = "DELETE FROM work WHERE source = ? AND type = ? AND key = ? AND told = ?"
SUCCEEDED = """
INSERT INTO source (name, last_success) VALUES (?, ?)
ON CONFLICT DO UPDATE SET last_success = excluded.last_success, failing = 0, last_error = NULL
"""
RETRY = """
UPDATE work SET attempts = attempts + 1, next_try = ?, error = ?
WHERE source = ? AND type = ? AND key = ?
"""
FAILED = """
INSERT INTO source (name, last_error, failing) VALUES (?, ?, 1)
ON CONFLICT DO UPDATE SET last_error = excluded.last_error, failing = 1
"""
BURY = """
UPDATE work SET state = 'dead', attempts = attempts + 1, error = ?
WHERE source = ? AND type = ? AND key = ? AND told = ?
"""
TRIES_AGAIN = "UPDATE source SET failing = 0 WHERE name = ?"
FAILING = "SELECT failing FROM source WHERE name = ?"
REVIVE = """
UPDATE work SET state = 'pending', next_try = 0, attempts = 0
WHERE source = ? AND (state = 'dead' OR next_try > 0)
"""
DEAD = "SELECT source, type, key, error FROM work WHERE state = 'dead' ORDER BY received_at"
PENDING = """
SELECT (SELECT count(*) FROM work WHERE state = 'pending')
     + (SELECT count(*) FROM awaited)
     + (SELECT count(*) FROM request WHERE state = 'pending')
"""
ASK = """
INSERT INTO request (id, kind, body, format, sha256, sent_by, received_at)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
ASKED = """
SELECT id, kind, body, format, sent_by, state, outcome FROM request
WHERE state = 'pending' ORDER BY received_at LIMIT ?
"""
REQUEST = "SELECT id, kind, body, format, sent_by, state, outcome FROM request WHERE id = ?"
DECIDE = "UPDATE request SET state = ?, outcome = ?, decided_at = ? WHERE id = ?"
SWEPT = """
INSERT INTO source (name, last_sweep) VALUES (?, ?)
ON CONFLICT DO UPDATE SET last_sweep = excluded.last_sweep, failing = 0, last_error = NULL
"""
LAGS = "SELECT lags FROM trust WHERE name = ?"
TRUST = """
INSERT INTO trust (name, healed, lags) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET healed = healed + excluded.healed, lags = excluded.lags
"""
LISTED = """
INSERT INTO trust (name, listed) VALUES (?, ?)
ON CONFLICT DO UPDATE SET listed = excluded.listed
"""
TRUSTED = "SELECT listed, healed, lags FROM trust WHERE name = ?"
COUNTS = """
SELECT CASE WHEN state = 'dead' THEN 'dead' WHEN attempts > 0 THEN 'retrying' ELSE 'pending' END,
       count(*) FROM work WHERE source = ? GROUP BY 1
"""
SOURCE = """
SELECT last_event, last_success, last_sweep, last_error, failing FROM source WHERE name = ?
"""
HYDRATED = """
INSERT INTO hydrated (source, type, key, at) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET at = excluded.at
"""
HYDRATED_AT = "SELECT at FROM hydrated WHERE source = ? AND type = ? AND key = ?"
SINCE = "SELECT 1 FROM hydrated WHERE source = ? AND type = ? AND key = ? AND at > ?"
SWEEP = "SELECT id, began FROM sweep WHERE source = ? AND reached > ?"
SWEEP_BEGINS = "INSERT OR REPLACE INTO sweep (source, id, began, reached) VALUES (?, ?, ?, ?)"
SWEEP_GOES_ON = "UPDATE sweep SET reached = ? WHERE source = ?"
SWEEP_ENDS = "DELETE FROM sweep WHERE source = ?"
