//! The files that are generated from the settings' schema are up to date.

use std::path::Path;

#[test]
fn generated_files_are_fresh() {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in moonlapse::cli::schema::generated_files() {
        let path = checkout.join(file.path);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        assert!(
            !text.is_empty() && file.fill(&text) == text,
            "{} is stale: run `cargo run -- schema --write .`",
            file.path
        );
    }
}
