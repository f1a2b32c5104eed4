//! `config diff`: what it says, and with which exit status.

use crate::support::{CONFIG, Folder, Ran, run};

fn diff(new: &str, more: &[&str]) -> Ran {
    let folder = Folder::with(CONFIG);
    std::fs::write(folder.file("new.toml"), new).unwrap();
    let (old, new) = (folder.file("gate.toml"), folder.file("new.toml"));
    run([&["config", "diff", &old, &new], more].concat())
}

#[test]
fn the_same_configuration_ends_with_0() {
    let ran = diff(CONFIG, &[]);
    assert_eq!(
        (ran.status, ran.out.as_str()),
        (Some(0), "no difference\n"),
        "{}",
        ran.err
    );
    assert_eq!(diff(CONFIG, &["--json"]).json()["differs"], false);
}

#[test]
fn a_difference_ends_with_1_and_marks_what_raises_trust() {
    let new = format!("mode = \"shadow\"\n{CONFIG}");
    let ran = diff(&new, &[]);
    assert_eq!(ran.status, Some(1), "{}", ran.err);
    insta::assert_snapshot!(ran.out, @r"
    ! raises    gate  mode  enforce → shadow

    1 change(s): 1 loosen, 1 of these raise what agents are trusted with
    ");
    let told = diff(&new, &["--json"]);
    assert_eq!(told.status, Some(1));
    let told = told.json();
    assert_eq!(told["raises"], 1);
    assert_eq!(told["changes"][0]["direction"], "loosens");
    assert_eq!(told["changes"][0]["new"], "shadow");
}

#[test]
fn a_configuration_that_does_not_hold_ends_with_2() {
    let ran = diff("[trust]\nlevels = 1\n", &[]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.err.contains("new.toml:2"), "{}", ran.err);
    assert_eq!(run(["config", "diff", "one.toml"]).status, Some(2));
}
