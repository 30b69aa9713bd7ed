-- What the daemon was asked for and has not done yet, and what it must not forget between two starts.

CREATE TABLE IF NOT EXISTS waiting (
    id          TEXT PRIMARY KEY,
    site        TEXT NOT NULL,
    work        TEXT NOT NULL,      -- the words of deployer.model.order.Work
    sources     TEXT NOT NULL,      -- JSON array
    created     TEXT NOT NULL,      -- ISO 8601, UTC
    not_before  TEXT NOT NULL,
    attempts    INTEGER NOT NULL,
    force       INTEGER NOT NULL,
    rev         TEXT,
    problem     TEXT NOT NULL,
    taken       INTEGER NOT NULL    -- 1: being carried out
);
CREATE INDEX IF NOT EXISTS waiting_by_site ON waiting (site, created);

-- How the last orders ended, for whoever follows one.
CREATE TABLE IF NOT EXISTS ended (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT NOT NULL UNIQUE,
    exit_status INTEGER NOT NULL,
    detail      TEXT NOT NULL
);

-- Sites whose deployments wait; the empty name stands for all of them.
CREATE TABLE IF NOT EXISTS frozen (site TEXT PRIMARY KEY, message TEXT NOT NULL);

-- What is known of a site without asking anybody.
CREATE TABLE IF NOT EXISTS site (
    name        TEXT PRIMARY KEY,
    handled     TEXT,               -- the commit that the last order left with: no poll orders it again
    domain      TEXT,
    url         TEXT,
    problem     TEXT NOT NULL DEFAULT ''
);
