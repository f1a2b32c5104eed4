//! One end of a connection byte by byte, for what no client or server of ours would send.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

pub(super) struct Raw(pub(super) UnixStream);

impl Raw {
    pub(super) fn connect(path: &Path) -> Self {
        Self::new(UnixStream::connect(path).unwrap())
    }

    pub(super) fn new(stream: UnixStream) -> Self {
        let most = Some(Duration::from_secs(60));
        stream.set_read_timeout(most).unwrap();
        stream.set_write_timeout(most).unwrap();
        Self(stream)
    }

    /// Connects and is let in.
    pub(super) fn joined(path: &Path) -> Self {
        let mut raw = Self::connect(path);
        raw.send(r#"{"version":1,"hello":{"role":"gate","name":"raw"}}"#);
        assert_eq!(raw.receive().as_deref(), Some(r#"{"welcome":{}}"#));
        raw
    }

    /// Writes one frame, if the other side still takes it.
    pub(super) fn send(&mut self, json: &str) {
        let mut frame = u32::try_from(json.len()).unwrap().to_be_bytes().to_vec();
        frame.extend_from_slice(json.as_bytes());
        self.0.write_all(&frame).ok();
    }

    /// Reads one frame. `None`: the other side has closed.
    pub(super) fn receive(&mut self) -> Option<String> {
        let mut head = [0; 4];
        if let Err(error) = self.0.read_exact(&mut head) {
            assert_ne!(
                error.kind(),
                std::io::ErrorKind::WouldBlock,
                "nothing came, and nothing ended"
            );
            return None;
        }
        let mut body = vec![0; usize::try_from(u32::from_be_bytes(head)).unwrap()];
        self.0.read_exact(&mut body).unwrap();
        Some(String::from_utf8(body).unwrap())
    }
}
