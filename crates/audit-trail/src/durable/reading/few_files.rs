//! Reading hundreds of segments through a few open files, and what becomes of files that vanish or are replaced meanwhile.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::durable::files::Files;
use crate::durable::index;

const LIMIT: usize = 6;
const READERS: usize = 4;

/// Entries so long that three of them fill a segment.
fn long(n: usize) -> AuditLog {
    let log = AuditLog::builder().signer(key()).build().unwrap();
    let filler = "x".repeat(4000);
    for i in 0..n {
        let session = format!("s{}", i % 100);
        log.log(Entry::event("tick").session(&session).reason(&filler))
            .unwrap();
    }
    log
}

/// A reader that keeps so many files open, as the log's owner or not.
fn with(dir: &Path, limit: usize, owned: bool) -> AuditReader {
    let files = Files::new(Arc::new(Disk::new(dir)), limit);
    let catalog = Catalog::with(files, owned).unwrap();
    catalog.announce(if owned { u64::MAX } else { 0 });
    drop(catalog.advance(u64::MAX));
    AuditReader::of_directory(Arc::new(catalog), None).unwrap()
}

/// How many files of this directory the process has open.
fn open_files(dir: &Path) -> usize {
    let open = fs::read_dir("/proc/self/fd").unwrap();
    open.filter_map(|fd| fs::read_link(fd.unwrap().path()).ok())
        .filter(|path| path.starts_with(dir))
        .count()
}

fn path(dir: &Path, name: &str) -> PathBuf {
    dir.join(name)
}

#[test]
fn hundreds_of_segments_are_read_by_several_threads_through_a_few_open_files() {
    let memory = long(700);
    let (dir, scribe) = write(&memory, &[3]);
    drop(scribe);
    let dir = fs::canonicalize(dir.path()).unwrap();
    assert!(names(&dir, "seg").len() > 200);
    for indexed in [true, false] {
        if !indexed {
            fs::remove_dir_all(dir.join("idx")).unwrap();
        }
        let reader = with(&dir, LIMIT, indexed);
        assert_eq!(reader.size().unwrap(), 701);
        // Without indexes each answer reads its segment whole.
        let (rounds, step) = if indexed { (3, 97) } else { (1, 499) };
        let most = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..READERS {
                let (memory, reader, most, dir) = (&memory, &reader, &most, &dir);
                let look = move || most.fetch_max(open_files(dir), Ordering::Relaxed);
                scope.spawn(move || {
                    for round in 0..rounds {
                        let session = format!("s{}", thread * 7 + round);
                        let filter = Filter::new().session(&session).count_matches();
                        same_pages(memory, reader, &filter.clone().newest_first().limit(4));
                        look();
                        for index in (thread as u64..701).step_by(step) {
                            assert_eq!(
                                reader.inclusion_proof(index, 701).unwrap(),
                                memory.inclusion_proof(index, 701).unwrap()
                            );
                            look();
                        }
                    }
                    let mut next = 0;
                    reader
                        .bytes(0..701, &mut |index, _| {
                            assert_eq!(index, next);
                            next += 1;
                            look();
                            Ok(())
                        })
                        .unwrap();
                    assert_eq!(next, 701);
                });
            }
        });
        // Besides what is kept: the segment that was taken in last, and what each thread is reading, a segment and an index.
        let bound = LIMIT + 1 + 2 * READERS;
        let most = most.into_inner();
        if cfg!(target_os = "linux") {
            assert!((2..=bound).contains(&most), "{most} open, at most {bound}");
        }
        assert!(reader.verify(None).is_ok());
        drop(reader);
        assert_eq!(open_files(&dir), 0, "a log that is closed leaves none");
    }
}

#[test]
fn a_segment_that_vanished_or_was_replaced_is_an_error_and_never_an_answer() {
    let memory = long(60);
    let (dir, scribe) = write(&memory, &[3]);
    scribe.reader().size().unwrap();
    drop(scribe);
    let (dir, reader) = (dir.path(), with(dir.path(), 2, false));
    let segments = names(dir, "seg");
    let path = |at: usize| path(dir, &format!("seg/{}", segments[at]));
    let first = |at: usize| segments[at][..20].parse::<u64>().unwrap();
    // Reading another one lets go of it.
    let elsewhere = || reader.entry(first(9)).unwrap();
    let says = |wrong: &str| {
        elsewhere();
        match reader.entry(first(5)) {
            Err(AuditError::Corrupt { file, problem, .. }) => {
                assert_eq!((file, problem.as_str()), (segment::name(first(5)), wrong));
            }
            other => panic!("{other:?}"),
        }
        let session = memory
            .entry(first(5))
            .unwrap()
            .session()
            .unwrap()
            .to_owned();
        let all = reader.query(&Filter::new().session(session));
        assert!(all.is_err());
        assert!(reader.inclusion_proof(first(5), 61).is_err());
        assert!(reader.bytes(0..61, &mut |_, _| Ok(())).is_err());
        // What stands elsewhere can be read.
        assert_eq!(
            reader.entry(first(6)).unwrap().bytes(),
            memory.entry(first(6)).unwrap().bytes()
        );
    };
    let (kept, other) = (dir.join("kept"), path(8));
    elsewhere();
    fs::rename(path(5), &kept).unwrap();
    says("it vanished");
    fs::copy(&other, path(5)).unwrap();
    says("the first block is not one of this segment");
    // Another log's segment of the same name: it begins with the same entry.
    let (twin, scribe) = write(&memory, &[3]);
    drop(scribe);
    fs::copy(twin.path().join("seg").join(&segments[5]), path(5)).unwrap();
    says("the first block is not one of this segment");
    fs::write(path(5), b"").unwrap();
    says("the first block is not one of this segment");
    // Put back, it is itself again.
    fs::rename(&kept, path(5)).unwrap();
    for index in 0..61 {
        assert_eq!(
            reader.entry(index).unwrap().bytes(),
            memory.entry(index).unwrap().bytes()
        );
    }
}

#[test]
fn who_holds_a_file_reads_on_whatever_becomes_of_its_name() {
    let memory = long(60);
    let (dir, scribe) = write(&memory, &[3]);
    drop(scribe);
    let reader = with(dir.path(), 1000, false);
    let read = || {
        let mut next = 0;
        let each = &mut |index, bytes: &[u8]| {
            assert_eq!(bytes, memory.entry(index).unwrap().bytes());
            next += 1;
            Ok(())
        };
        reader.bytes(0..61, each).unwrap();
        assert_eq!(next, 61);
    };
    read();
    fs::remove_dir_all(dir.path().join("seg")).unwrap();
    fs::remove_dir_all(dir.path().join("idx")).unwrap();
    read();
}

#[test]
fn an_index_that_vanished_or_was_replaced_is_made_anew() {
    let memory = long(60);
    let (dir, scribe) = write(&memory, &[3]);
    scribe.reader().size().unwrap();
    drop(scribe);
    let dir = dir.path();
    let indexes: Vec<u64> = names(dir, "idx")
        .iter()
        .map(|name| name[..20].parse().unwrap())
        .collect();
    let path = |at: usize| path(dir, &index::name(indexes[at]));
    let good = fs::read(path(5)).unwrap();
    // Of another segment of this log, and of one with the same name in another log.
    let other = fs::read(path(6)).unwrap();
    let (twin, scribe) = write(&memory, &[3]);
    scribe.reader().size().unwrap();
    let twin = fs::read(twin.path().join(index::name(indexes[5]))).unwrap();
    assert!(good != twin && good != other);
    for owned in [false, true] {
        let reader = with(dir, 2, owned);
        for bad in [None, Some(&other), Some(&twin)] {
            reader.entry(indexes[9]).unwrap();
            fs::remove_file(path(5)).unwrap();
            if let Some(bad) = bad {
                fs::write(path(5), bad).unwrap();
            }
            for number in [2, 6, 12] {
                same_pages(
                    &memory,
                    &reader,
                    &condition(Filter::new().count_matches(), number),
                );
            }
            for index in 0..61 {
                assert_eq!(
                    reader.entry(index).unwrap().bytes(),
                    memory.entry(index).unwrap().bytes()
                );
            }
            if owned {
                assert_eq!(fs::read(path(5)).unwrap(), good, "the owner writes it anew");
            } else {
                assert_eq!(fs::read(path(5)).ok().as_ref(), bad, "a reader writes none");
                fs::write(path(5), &good).unwrap();
            }
        }
    }
}
