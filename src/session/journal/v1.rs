//! Journal format 1. Times are RFC 3339 in UTC, so that `sqlite3 journal.db` reads well in the field.

pub(super) const SQL: &str = "
CREATE TABLE sessions (
    id          TEXT PRIMARY KEY,
    print_file  TEXT NOT NULL,
    job_id      TEXT,
    started_at  TEXT NOT NULL,
    ended_at    TEXT,
    outcome     TEXT NOT NULL,
    camera      TEXT,
    settings    TEXT NOT NULL
) STRICT;

CREATE TABLE frames (
    session         TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    number          INTEGER NOT NULL,
    width           INTEGER NOT NULL,
    height          INTEGER NOT NULL,
    bytes           INTEGER NOT NULL,
    adopted         INTEGER NOT NULL DEFAULT 0,
    lost            INTEGER NOT NULL DEFAULT 0,
    at              TEXT NOT NULL,
    layer           INTEGER,
    height_mm       REAL,
    x_mm            REAL,
    y_mm            REAL,
    z_mm            REAL,
    extruder_c      REAL,
    bed_c           REAL,
    file_position   INTEGER,
    eta_error_s     REAL,
    exposure_from_s REAL,
    exposure_to_s   REAL,
    camera          TEXT,
    PRIMARY KEY (session, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE misses (
    session  TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    at       TEXT NOT NULL,
    layer    INTEGER,
    reason   TEXT NOT NULL
) STRICT;
CREATE INDEX misses_by_session ON misses (session);

CREATE TABLE films (
    session    TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    file       TEXT NOT NULL,
    made_at    TEXT NOT NULL,
    frames     INTEGER NOT NULL,
    duration_s REAL NOT NULL,
    bytes      INTEGER NOT NULL
) STRICT;
CREATE INDEX films_by_session ON films (session);
";
