//! A disk in memory that loses power, tears, loses, misdirects and refuses writes, as a seed says.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use crate::durable::storage::{Storage, Stored};

const SECTOR: usize = 512;

/// Random numbers that a seed determines (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub(crate) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// What goes wrong at one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The power fails: this operation and all later ones fail until the reboot.
    PowerLoss,
    /// A write fails half way, or a sync fails and forgets what it was to write.
    Failure,
    /// No room from here on.
    Full,
    /// A write or sync is acknowledged and not done.
    Lost,
    /// A write lands elsewhere.
    Misdirected,
}

#[derive(Debug, Default)]
struct Inode {
    /// What the system shows.
    shown: Vec<u8>,
    /// What the power leaves.
    kept: Vec<u8>,
    /// Written and not synced: place and bytes.
    unsynced: Vec<(usize, Vec<u8>)>,
}

#[derive(Debug)]
struct State {
    inodes: Vec<Inode>,
    names: BTreeMap<String, usize>,
    /// Names that a directory sync made durable.
    kept_names: BTreeMap<String, usize>,
    /// Changes of names since, in order: name and what it means now.
    unsynced_names: Vec<(String, Option<usize>)>,
    dice: Dice,
    operations: u64,
    plan: Vec<(u64, Fault)>,
    dead: bool,
    full: bool,
}

/// The disk. Clones are the same disk.
#[derive(Debug, Clone)]
pub(crate) struct SimDisk(Arc<Mutex<State>>);

impl SimDisk {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            inodes: Vec::new(),
            names: BTreeMap::new(),
            kept_names: BTreeMap::new(),
            unsynced_names: Vec::new(),
            dice: Dice(seed ^ 0x5eed),
            operations: 0,
            plan: Vec::new(),
            dead: false,
            full: false,
        })))
    }

    /// Has `fault` happen at the `after`-th operation from now that changes the disk.
    pub(crate) fn plan(&self, after: u64, fault: Fault) {
        let mut state = self.0.lock().unwrap();
        let at = state.operations + after;
        state.plan.push((at, fault));
    }

    /// Power comes back: of what was not synced, any sectors are there and any changes of names up to some point.
    pub(crate) fn reboot(&self) {
        let mut state = self.0.lock().unwrap();
        let State {
            inodes,
            names,
            kept_names,
            unsynced_names,
            dice,
            ..
        } = &mut *state;
        for inode in inodes.iter_mut() {
            for (at, bytes) in std::mem::take(&mut inode.unsynced) {
                let nothing = dice.one_in(4);
                let all = !nothing && dice.one_in(3);
                let mut from = 0;
                while from < bytes.len() {
                    let to = (from + SECTOR - (at + from) % SECTOR).min(bytes.len());
                    if !nothing && (all || dice.one_in(2)) {
                        put(&mut inode.kept, at + from, &bytes[from..to]);
                    }
                    from = to;
                }
            }
            inode.shown = inode.kept.clone();
        }
        let count = dice.below(unsynced_names.len() as u64 + 1) as usize;
        for (name, meaning) in unsynced_names.drain(..).take(count) {
            set(kept_names, name, meaning);
        }
        *names = kept_names.clone();
        state.plan.clear();
        state.dead = false;
        state.full = false;
    }

    /// The process ends and the system lives on: everything shown stays.
    pub(crate) fn restart(&self) {
        let mut state = self.0.lock().unwrap();
        state.plan.clear();
        state.dead = false;
        state.full = false;
    }

    /// Flips a bit in what is durable in some file. `false` if there is nothing.
    pub(crate) fn flip(&self) -> Option<(String, usize)> {
        let mut state = self.0.lock().unwrap();
        let State {
            inodes,
            names,
            dice,
            ..
        } = &mut *state;
        let files: Vec<_> = names
            .iter()
            .filter(|(_, inode)| !inodes[**inode].kept.is_empty())
            .collect();
        let (name, inode) = files.get(dice.below(files.len() as u64) as usize)?;
        let inode = &mut inodes[**inode];
        // Where there is something: pre-zeroed space is nobody's data.
        let end = inode
            .kept
            .iter()
            .rposition(|b| *b != 0)
            .map_or(1, |last| last + 1);
        let (at, bit) = (dice.below(end as u64) as usize, dice.below(8));
        inode.kept[at] ^= 1 << bit;
        inode.shown[at] ^= 1 << bit;
        Some(((*name).clone(), at))
    }

    /// A copy of everything durable, as an older state to put back.
    pub(crate) fn copy(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.0.lock().unwrap();
        state
            .names
            .iter()
            .map(|(name, inode)| (name.clone(), state.inodes[*inode].shown.clone()))
            .collect()
    }

    /// Puts an older copy back.
    pub(crate) fn restore(&self, copy: &BTreeMap<String, Vec<u8>>) {
        let mut state = self.0.lock().unwrap();
        state.names.clear();
        state.unsynced_names.clear();
        for (name, bytes) in copy {
            let number = state.inodes.len();
            state.inodes.push(Inode {
                shown: bytes.clone(),
                kept: bytes.clone(),
                unsynced: Vec::new(),
            });
            state.names.insert(name.clone(), number);
        }
        state.kept_names = state.names.clone();
    }
}

impl State {
    /// Counts an operation that changes the disk, and says what goes wrong with it.
    fn step(&mut self) -> io::Result<Option<Fault>> {
        if self.dead {
            return Err(io::Error::other("the power is off"));
        }
        self.operations += 1;
        let now = self.operations;
        let fault = self
            .plan
            .iter()
            .find(|(at, _)| *at == now)
            .map(|(_, fault)| *fault);
        match fault {
            Some(Fault::PowerLoss) => self.dead = true,
            Some(Fault::Full) => self.full = true,
            _ => {}
        }
        Ok(fault)
    }

    fn name(&mut self, name: &str, meaning: Option<usize>) {
        set(&mut self.names, name.to_owned(), meaning);
        self.unsynced_names.push((name.to_owned(), meaning));
    }
}

#[derive(Debug)]
struct SimFile {
    disk: SimDisk,
    inode: usize,
}

impl Storage for SimDisk {
    fn open(&self, name: &str, _writing: bool) -> io::Result<Option<Arc<dyn Stored>>> {
        let state = self.0.lock().unwrap();
        if state.dead {
            return Err(io::Error::other("the power is off"));
        }
        Ok(state.names.get(name).map(|inode| {
            Arc::new(SimFile {
                disk: self.clone(),
                inode: *inode,
            }) as _
        }))
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn Stored>> {
        let mut state = self.0.lock().unwrap();
        if matches!(state.step()?, Some(Fault::PowerLoss | Fault::Failure)) {
            return Err(io::Error::other("create"));
        }
        if state.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let inode = state.inodes.len();
        state.inodes.push(Inode::default());
        state.name(name, Some(inode));
        Ok(Arc::new(SimFile {
            disk: self.clone(),
            inode,
        }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let fault = state.step()?;
        if fault == Some(Fault::Failure) {
            return Err(io::Error::other("rename"));
        }
        let inode = *state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        state.name(to, Some(inode));
        state.name(from, None);
        if fault == Some(Fault::PowerLoss) {
            Err(io::Error::other("the power is off"))
        } else {
            Ok(())
        }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        state.step()?;
        if state.names.contains_key(name) {
            state.name(name, None);
        }
        Ok(())
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let state = self.0.lock().unwrap();
        if state.dead {
            return Err(io::Error::other("the power is off"));
        }
        let lead = format!("{dir}/");
        let inside = state
            .names
            .keys()
            .filter_map(|name| name.strip_prefix(&lead));
        Ok(inside
            .filter(|name| !name.contains('/'))
            .map(str::to_owned)
            .collect())
    }

    fn make_dir(&self, _dir: &str) -> io::Result<()> {
        self.0.lock().unwrap().step().map(|_| ())
    }

    fn remove_dir(&self, dir: &str) -> io::Result<()> {
        let names: Vec<String> = self
            .0
            .lock()
            .unwrap()
            .names
            .keys()
            .filter(|n| n.starts_with(&format!("{dir}/")))
            .cloned()
            .collect();
        names.iter().try_for_each(|name| self.remove(name))
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        match state.step()? {
            Some(Fault::PowerLoss | Fault::Failure) => {
                return Err(io::Error::other("sync of a directory"));
            }
            Some(Fault::Lost) => return Ok(()),
            _ => {}
        }
        let lead = if dir.is_empty() {
            String::new()
        } else {
            format!("{dir}/")
        };
        let (now, later) = std::mem::take(&mut state.unsynced_names)
            .into_iter()
            .partition(|(name, _)| {
                name.strip_prefix(&lead)
                    .is_some_and(|rest| !rest.contains('/'))
            });
        state.unsynced_names = later;
        let now: Vec<(String, Option<usize>)> = now;
        for (name, meaning) in now {
            set(&mut state.kept_names, name, meaning);
        }
        Ok(())
    }
}

impl Stored for SimFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.disk.0.lock().unwrap().inodes[self.inode].shown.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<()> {
        let state = self.disk.0.lock().unwrap();
        if state.dead {
            return Err(io::Error::other("the power is off"));
        }
        let at = at as usize;
        let there = state.inodes[self.inode].shown.get(at..at + buffer.len());
        buffer.copy_from_slice(there.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut state = self.disk.0.lock().unwrap();
        let fault = state.step()?;
        let mut at = at as usize;
        let mut inode = self.inode;
        let mut bytes = bytes.to_vec();
        match fault {
            Some(Fault::Lost) => return Ok(()),
            Some(Fault::Misdirected) => {
                let inodes = state.inodes.len() as u64;
                inode = state.dice.below(inodes) as usize;
                let sectors = state.inodes[inode].shown.len() / SECTOR;
                at = state.dice.below(sectors as u64 + 1) as usize * SECTOR;
                let room = state.inodes[inode].shown.len().saturating_sub(at);
                bytes.truncate(room);
            }
            Some(Fault::Failure | Fault::PowerLoss) => {
                // Up to the end of a sector: neither the system nor a disk stops within one.
                let end =
                    (at + state.dice.below(bytes.len() as u64 + 1) as usize) / SECTOR * SECTOR;
                bytes.truncate(end.saturating_sub(at));
            }
            _ => {}
        }
        // Room is needed only for what was not there.
        if state.full && at + bytes.len() > state.inodes[inode].shown.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        put(&mut state.inodes[inode].shown, at, &bytes);
        state.inodes[inode].unsynced.push((at, bytes));
        match fault {
            Some(Fault::Failure | Fault::PowerLoss) => Err(io::Error::other("write")),
            _ => Ok(()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.0.lock().unwrap();
        let fault = state.step()?;
        let State { inodes, dice, .. } = &mut *state;
        let inode = &mut inodes[self.inode];
        match fault {
            Some(Fault::PowerLoss) => return Err(io::Error::other("the power is off")),
            // The system calls the pages clean that it could not write, and goes on showing them.
            Some(Fault::Failure) => {
                for (at, bytes) in std::mem::take(&mut inode.unsynced) {
                    if dice.one_in(2) {
                        put(&mut inode.kept, at, &bytes);
                    } else if inode.kept.len() < at + bytes.len() {
                        inode.kept.resize(at + bytes.len(), 0);
                    }
                }
                return Err(io::Error::other("sync"));
            }
            Some(Fault::Lost) => {
                for (at, bytes) in std::mem::take(&mut inode.unsynced) {
                    if inode.kept.len() < at + bytes.len() {
                        inode.kept.resize(at + bytes.len(), 0);
                    }
                }
                return Ok(());
            }
            _ => {}
        }
        for (at, bytes) in std::mem::take(&mut inode.unsynced) {
            put(&mut inode.kept, at, &bytes);
        }
        Ok(())
    }
}

fn put(file: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    if file.len() < at + bytes.len() {
        file.resize(at + bytes.len(), 0);
    }
    file[at..at + bytes.len()].copy_from_slice(bytes);
}

fn set(names: &mut BTreeMap<String, usize>, name: String, meaning: Option<usize>) {
    match meaning {
        Some(inode) => names.insert(name, inode),
        None => names.remove(&name),
    };
}
