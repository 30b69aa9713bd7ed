-- What this machine remembers of its deployments. The server's own record is the manifest; losing
-- this file loses history and the journal of a deployment that was cut off, nothing else.

-- Who we are to other deployers of the same site: made once, kept for ever.
CREATE TABLE IF NOT EXISTS owner (id TEXT NOT NULL);

-- One row per run that got as far as looking at the server.
CREATE TABLE IF NOT EXISTS deployment (
    id          TEXT PRIMARY KEY,
    domain      TEXT NOT NULL,
    commit_id   TEXT NOT NULL,
    subject     TEXT NOT NULL,   -- first line of the commit message
    author      TEXT NOT NULL,
    base        TEXT,            -- the commit that was there before
    started     TEXT NOT NULL,   -- ISO 8601, UTC
    ended       TEXT,
    status      TEXT NOT NULL,   -- the words of deployer.model.deployment.Status
    plan        TEXT,            -- JSON, as `deployer plan --json` prints it
    detail      TEXT NOT NULL DEFAULT ''  -- the error as it was shown, or what the site answered
);
CREATE INDEX IF NOT EXISTS deployment_by_domain ON deployment (domain, started);

-- The journal: one row per action that the server confirmed, in order.
CREATE TABLE IF NOT EXISTS step (
    deployment  TEXT NOT NULL REFERENCES deployment (id),
    number      INTEGER NOT NULL,
    action      TEXT NOT NULL,
    subject     TEXT NOT NULL,
    reason      TEXT NOT NULL,
    entry       TEXT,            -- JSON [digest, size, mode] of what is there now; NULL: nothing, or no file
    ended       TEXT NOT NULL,
    seconds     REAL NOT NULL,
    PRIMARY KEY (deployment, number)
);

-- The structured log of each deployment, as it was shown.
CREATE TABLE IF NOT EXISTS event (
    deployment  TEXT NOT NULL,
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    line        TEXT NOT NULL    -- JSON
);
CREATE INDEX IF NOT EXISTS event_by_deployment ON event (deployment, number);
