//! The stories in `tests/histories`, each played in memory, on a journal, and on one that keeps a snapshot after every event.

use std::fs;
use std::path::Path;

use crate::keeping::Keeping;
use crate::script::Script;

/// Lines that start nothing: empty ones and comments.
fn is_event(line: &str) -> bool {
    !line.is_empty() && !line.starts_with('#')
}

/// The story as it is played: every line with what came of it.
fn played(story: &str, mut script: Script) -> String {
    let mut lines = Vec::new();
    for line in story.lines() {
        let (event, told) = line.split_once(" -> ").unwrap_or((line, "ok"));
        if !is_event(event) {
            lines.push(line.to_owned());
            continue;
        }
        let came = script.play(event);
        // Where nothing is told, it has to go well.
        lines.push(if came == "ok" && told == "ok" {
            line.to_owned()
        } else {
            format!("{event} -> {came}")
        });
    }
    lines.join("\n") + "\n"
}

/// With `HISTORIES=write` in the environment stories are written as they were played in memory: read what changed.
fn tells(path: &Path) -> Vec<String> {
    let story = fs::read_to_string(path).unwrap();
    if std::env::var("HISTORIES").is_ok_and(|what| what == "write") {
        fs::write(path, played(&story, Script::new(None))).unwrap();
        return vec![];
    }
    let ways = [
        ("in memory", None),
        ("on a journal", Some(Keeping::every(None))),
        ("with snapshots", Some(Keeping::every(Some(1)))),
    ];
    let mut wrong = Vec::new();
    for (way, journal) in ways {
        let came = played(&story, Script::new(journal));
        for (number, (told, came)) in story.lines().zip(came.lines()).enumerate() {
            if told != came {
                let file = path.file_name().unwrap().display();
                let line = number + 1;
                wrong.push(format!("{file}:{line}, {way}:\n  {told}\n  {came}"));
            }
        }
    }
    wrong
}

#[test]
fn every_story_goes_as_it_is_told() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories");
    let mut stories: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    stories.sort();
    assert!(stories.len() >= 10, "{stories:?}");
    let wrong: Vec<_> = stories.iter().flat_map(|path| tells(path)).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A story that is told here, on a journal.
fn goes(story: &str) {
    assert_eq!(
        played(story, Script::new(Some(Keeping::every(None)))),
        story
    );
}

#[test]
fn a_restart_with_the_clock_set_back_sticks_nothing() {
    goes(
        "\
boot
create a calls=10 hourly
record r1 a calls=10
jump -1d
crash
record r2 a calls=1 -> exceeds_budget a calls: 1 asked, 0 left, after the reset on 2026-11-22T13:00:00Z
jump +1d
+1h
record r3 a calls=1 -> ok
",
    );
}
