//! What calibration found out about each camera.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, params};

use super::Journal;
use crate::session::StoreError;

impl Journal {
    pub(in crate::session) fn set_timing(&self, camera: &str, at: Timestamp, timing: &str) -> Result<(), StoreError> {
        self.wrap(self.db.execute(
            "INSERT INTO cameras (camera, measured_at, timing) VALUES (?1, ?2, ?3)
             ON CONFLICT (camera) DO UPDATE SET measured_at = ?2, timing = ?3",
            params![camera, at.to_string(), timing],
        ))
        .map(|_| ())
    }

    pub(in crate::session) fn timing(&self, camera: &str) -> Result<Option<String>, StoreError> {
        let row = self.db.query_row("SELECT timing FROM cameras WHERE camera = ?1", [camera], |row| row.get(0));
        self.wrap(row.optional())
    }
}
