//! Secret keys, which are files: a secret in an argument would stand in every list of processes.

use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::str::FromStr;

use crate::failure::Failure;

/// What an Ed25519 key is made from, as text 64 hexadecimal digits.
pub(crate) struct Seed(pub(crate) [u8; 32]);

/// Reads the secret key in a file. No message repeats what is in it.
pub(crate) fn read<K: FromStr<Err: Display>>(path: &Path) -> Result<K, Failure> {
    let text = fs::read_to_string(path).map_err(Failure::on(path.display()))?;
    text.trim().parse().map_err(Failure::on(path.display()))
}

/// Reads the key in the file, or makes one and writes it there. The answer says whether it is new.
pub(crate) fn read_or_new<K: FromStr<Err: Display>>(
    path: &Path,
    make: impl FnOnce() -> Result<(K, String), Failure>,
) -> Result<(K, bool), Failure> {
    if path.try_exists().map_err(Failure::on(path.display()))? {
        return Ok((read(path)?, false));
    }
    let (key, text) = make()?;
    write_secret(path, &text).map_err(Failure::on(path.display()))?;
    Ok((key, true))
}

/// Writes a file that only its owner can read, and that was not there.
fn write_secret(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

/// Reads the seed in the file, or makes a random one and writes it there. The answer says whether it is new.
pub(crate) fn seed_or_new(path: &Path) -> Result<(Seed, bool), Failure> {
    read_or_new(path, || {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(Failure::on("the system gives no random bytes"))?;
        let digit = |half: u8| char::from_digit(half.into(), 16);
        let digits = bytes
            .iter()
            .flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]);
        let text = digits.flatten().collect();
        Ok((Seed(bytes), text))
    })
}

impl FromStr for Seed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const PROBLEM: &str = "this is not a secret key, which is 64 hexadecimal digits";
        let digit = |byte: u8| {
            char::from(byte)
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
        };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let mut seed = [0; 32];
        if pairs.len() != seed.len() || !rest.is_empty() {
            return Err(PROBLEM);
        }
        for (byte, [high, low]) in seed.iter_mut().zip(pairs) {
            let (high, low) = digit(*high).zip(digit(*low)).ok_or(PROBLEM)?;
            *byte = (high << 4) | low;
        }
        Ok(Self(seed))
    }
}
