//! Journal format 3: how many layers a print has.

pub(super) const SQL: &str = "
ALTER TABLE sessions ADD COLUMN layers INTEGER;
";
