//! Writes good samples into `corpus/<target>`, for the fuzzers to begin with.

use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    for (name, _) in agent_identity::fuzzing::TARGETS {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("corpus")
            .join(name);
        std::fs::create_dir_all(&corpus)?;
        for (number, seed) in agent_identity::fuzzing::seeds(name).iter().enumerate() {
            std::fs::write(corpus.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
