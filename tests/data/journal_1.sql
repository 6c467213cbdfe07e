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
PRAGMA user_version = 1;
INSERT INTO sessions VALUES ('20261123-153042_benchy', 'benchy.gcode', NULL, '2026-11-23T15:30:42Z', NULL, 'printing', 'front', '{"mode":"layermacro"}');
INSERT INTO frames VALUES ('20261123-153042_benchy', 1, 64, 48, 636, 0, 0, '2026-11-23T15:31:00Z', 1, NULL, 1.0, 2.0, 0.2, 205.0, 60.0, 1000, 0.0, 0.01, 0.04, 'front');
INSERT INTO frames VALUES ('20261123-153042_benchy', 2, 64, 48, 636, 0, 0, '2026-11-23T15:31:30Z', 2, NULL, 1.0, 2.0, 0.4, 205.0, 60.0, 2000, 0.0, 0.01, 0.04, 'front');
INSERT INTO misses VALUES ('20261123-153042_benchy', '2026-11-23T15:31:15Z', 2, 'the print is paused');
INSERT INTO films VALUES ('20261123-153042_benchy', '/films/a.mp4', '2026-11-23T15:32:00Z', 1, 0.5, 9);
