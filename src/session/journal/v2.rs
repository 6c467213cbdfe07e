//! Journal format 2: several cameras. A session has reels, one for each camera and track; a frame belongs to a reel, and
//! frames of the same moment share a shot. Cameras keep what calibration has found out about them.
//!
//! The key of `frames` grows, which SQLite cannot change in place, so the table is made anew and the rows move over.

pub(super) const SQL: &str = "
CREATE TABLE reels (
    session     TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    reel        INTEGER NOT NULL,
    camera      TEXT,
    camera_uid  TEXT,
    track       TEXT NOT NULL,
    view        TEXT NOT NULL,
    PRIMARY KEY (session, reel)
) STRICT, WITHOUT ROWID;
INSERT INTO reels (session, reel, camera, camera_uid, track, view)
    SELECT id, 0, camera, NULL,
        CASE WHEN json_valid(settings) AND json_extract(settings, '$.mode') = 'hyperlapse' THEN 'hyperlapse' ELSE 'layers' END,
        '{}'
    FROM sessions;

CREATE TABLE frames_2 (
    session         TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    reel            INTEGER NOT NULL,
    number          INTEGER NOT NULL,
    shot            INTEGER NOT NULL,
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
    PRIMARY KEY (session, reel, number)
) STRICT, WITHOUT ROWID;
INSERT INTO frames_2 (session, reel, number, shot, width, height, bytes, adopted, lost, at, layer, height_mm,
        x_mm, y_mm, z_mm, extruder_c, bed_c, file_position, eta_error_s, exposure_from_s, exposure_to_s, camera)
    SELECT session, 0, number, number, width, height, bytes, adopted, lost, at, layer, height_mm,
        x_mm, y_mm, z_mm, extruder_c, bed_c, file_position, eta_error_s, exposure_from_s, exposure_to_s, camera
    FROM frames;
DROP TABLE frames;
ALTER TABLE frames_2 RENAME TO frames;

ALTER TABLE misses ADD COLUMN reel INTEGER NOT NULL DEFAULT 0;
ALTER TABLE misses ADD COLUMN shot INTEGER;
ALTER TABLE films ADD COLUMN reel INTEGER DEFAULT 0;

CREATE TABLE cameras (
    camera      TEXT PRIMARY KEY,
    measured_at TEXT NOT NULL,
    timing      TEXT NOT NULL
) STRICT;
";
