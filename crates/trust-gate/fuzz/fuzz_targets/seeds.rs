//! Writes good samples into `corpus/<target>`, for the fuzzers to begin with.

use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let names = trust_gate::fuzzing::TARGETS.map(|(name, _)| name);
    for name in names.into_iter().chain(["toml"]) {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(name);
        std::fs::create_dir_all(&corpus)?;
        for (number, seed) in trust_gate::fuzzing::seeds(name).iter().enumerate() {
            std::fs::write(corpus.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
