//! What shells complete and what `man` shows: scripts that their shell takes, and a page for every verb.

use std::fs;
use std::process::Command;

use crate::support::{Folder, run};

fn there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

#[test]
fn every_shell_gets_a_script_that_names_the_verbs() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = run(["completions", shell]);
        assert_eq!(ran.status, Some(0), "{shell}: {}", ran.err);
        for verb in ["break-glass", "who-may", "approvals", "completions"] {
            assert!(ran.out.contains(verb), "{shell}: {verb}");
        }
    }
    let ran = run(["completions", "no-such-shell"]);
    assert_eq!(ran.status, Some(2));
}

#[test]
fn a_shell_takes_its_script_and_completes_a_verb() {
    if !there("bash") {
        return;
    }
    let folder = Folder::with("");
    let script = folder.file("secstack.bash");
    fs::write(&script, run(["completions", "bash"]).out).unwrap();
    let taken = Command::new("bash").args(["-n", &script]).output().unwrap();
    assert!(taken.status.success(), "{taken:?}");
    let complete = format!(
        "source {script}; COMP_WORDS=(secstack trust qua); COMP_CWORD=2; \
         _secstack secstack qua trust; echo \"${{COMPREPLY[@]}}\""
    );
    let completed = Command::new("bash").args(["-c", &complete]).output();
    let completed = String::from_utf8(completed.unwrap().stdout).unwrap();
    assert_eq!(completed.trim(), "quarantine");
}

#[test]
fn each_verb_has_a_page_of_the_manual() {
    let folder = Folder::with("");
    let dir = folder.file("man1");
    let ran = run(["man", &dir]);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    let mut pages: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort_unstable();
    for page in [
        "secstack.1",
        "secstack-trust.1",
        "secstack-trust-key-add.1",
        "secstack-consent-who-may.1",
    ] {
        assert!(pages.iter().any(|name| name == page), "{page}: {pages:?}");
    }
    assert!(!pages.iter().any(|name| name.contains("demo-server")));
    for page in &pages {
        let text = fs::read_to_string(format!("{dir}/{page}")).unwrap();
        for section in [".TH ", ".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION"] {
            assert!(text.contains(section), "{page}: {section}");
        }
        let name = page.trim_end_matches(".1").replace('-', "\\-");
        assert!(text.contains(&name), "{page}: {text}");
    }
    // Again over the same pages.
    assert_eq!(run(["man", &dir]).status, Some(0));
}

#[test]
fn the_page_of_the_command_shows_its_verbs_and_renders() {
    let ran = run(["man"]);
    assert_eq!(ran.status, Some(0), "{}", ran.err);
    assert!(ran.out.contains("secstack\\-approvals(1)"), "{}", ran.out);
    let folder = Folder::with("");
    let page = folder.file("secstack.1");
    fs::write(&page, &ran.out).unwrap();
    for (program, arguments) in [
        ("mandoc", vec!["-T", "lint", "-W", "error"]),
        ("groff", vec!["-man", "-Tutf8", "-ww"]),
    ] {
        if there(program) {
            let shown = Command::new(program)
                .args(arguments)
                .arg(&page)
                .output()
                .unwrap();
            assert!(shown.status.success(), "{program}: {shown:?}");
        }
    }
}
