//! What the enforcing handle can do, pinned: a method that could widen anything must not slip in unnoticed.

/// The public functions of a source file, in order, without their bodies.
fn public_functions(source: &str) -> String {
    let mut found = Vec::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if !line.starts_with("pub fn ") {
            continue;
        }
        let mut signature = line.to_owned();
        while !signature.ends_with('{') {
            signature.push(' ');
            signature.push_str(lines.next().unwrap().trim());
        }
        found.push(signature.trim_end_matches(" {").to_owned());
    }
    found.join("\n")
}

#[test]
fn the_enforcing_handle_only_reads() {
    insta::assert_snapshot!(public_functions(include_str!("../../src/gate.rs")));
}

#[test]
fn the_agents_side_of_approvals_approves_nothing() {
    insta::assert_snapshot!(public_functions(include_str!("../../src/approval/desk.rs")));
}

#[test]
fn explaining_only_reads() {
    insta::assert_snapshot!(public_functions(include_str!("../../src/explain.rs")));
}
