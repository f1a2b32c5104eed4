//! A disk in memory for tests, which fails when it is told to, and of which a crash leaves what was synced and any part of the rest.

use std::io;
use std::sync::{Arc, Mutex};

use super::tables::{Tables, guarded, initialize};
use super::{DurableError, DurableStore};

/// A disk in memory, shared by its clones.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What reads see.
    bytes: Vec<u8>,
    /// What a crash leaves for sure.
    synced: Vec<u8>,
    /// What has been done since: a crash leaves any part of it.
    since: Vec<Change>,
    /// How many changes and syncs still succeed.
    left: Option<u64>,
}

#[derive(Debug, Clone)]
enum Change {
    Len(u64),
    Write(u64, Vec<u8>),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Len(len) => bytes.resize(*len as usize, 0),
            Self::Write(at, data) => {
                let (from, to) = (*at as usize, *at as usize + data.len());
                if bytes.len() < to {
                    bytes.resize(to, 0);
                }
                bytes[from..to].copy_from_slice(data);
            }
        }
    }
}

impl State {
    fn spend(&mut self) -> io::Result<()> {
        match &mut self.left {
            Some(0) => Err(io::Error::other("planted")),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.bytes);
        self.since.push(change);
    }
}

impl Disk {
    /// With an empty store on it.
    pub(super) fn new() -> Self {
        let disk = Self::default();
        let database = redb::Database::builder()
            .create_with_backend(disk.clone())
            .unwrap();
        guarded(|| initialize(&database)).unwrap();
        drop(database);
        disk
    }

    /// With these bytes on it.
    pub(super) fn of(bytes: Vec<u8>) -> Self {
        let state = State {
            synced: bytes.clone(),
            bytes,
            ..State::default()
        };
        Self(Arc::new(Mutex::new(state)))
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().bytes.clone()
    }

    /// Lets everything succeed again.
    pub(super) fn heal(&self) {
        self.0.lock().unwrap().left = None;
    }

    /// Lets `operations` more succeed, and none after them.
    pub(super) fn fail_after(&self, operations: u64) {
        self.0.lock().unwrap().left = Some(operations);
    }

    pub(super) fn open(&self) -> Result<DurableStore, DurableError> {
        let tables = guarded(|| Ok(redb::Database::builder().create_with_backend(self.clone())?))
            .and_then(Tables::of)?;
        DurableStore::over(tables, None)
    }

    /// What is left after a crash: what was synced, and of the rest whatever `dice` leave, some of it torn.
    pub(super) fn after_a_crash(&self, dice: &mut Dice) -> Self {
        let state = self.0.lock().unwrap();
        let mut bytes = state.synced.clone();
        for change in &state.since {
            match (dice.below(4), change) {
                (0, _) => {}
                (1, Change::Write(at, data)) => {
                    let len = dice.below(data.len() as u64 / 512 + 1) as usize * 512;
                    Change::Write(*at, data[..len].to_vec()).apply(&mut bytes);
                }
                _ => change.apply(&mut bytes),
            }
        }
        Self::of(bytes)
    }
}

impl redb::StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.0.lock().unwrap();
        let found = state
            .bytes
            .get(offset as usize..offset as usize + out.len());
        out.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.spend()?;
        state.change(Change::Len(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.spend()?;
        for change in std::mem::take(&mut state.since) {
            change.apply(&mut state.synced);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let spent = state.spend();
        // A write that failed may have been done in part.
        let len = if spent.is_ok() {
            data.len()
        } else {
            data.len() / 2
        };
        state.change(Change::Write(offset, data[..len].to_vec()));
        spent
    }
}

/// Small random numbers (`SplitMix64`).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}
