//! `audit serve` and `audit witness`: the log and its witness over HTTP, to the end that an interrupt makes.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::support::{Log, ask, command};

/// A server that runs, and its address.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(arguments: &[&str]) -> Self {
        let mut child = command()
            .arg("audit")
            .args(arguments)
            .args(["--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut address)
            .unwrap();
        let address = address
            .trim()
            .strip_prefix("http://")
            .expect(&address)
            .to_owned();
        Self { child, address }
    }

    /// Status and body of an answer.
    fn ask(&self, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // A server that refuses need not read it all.
        drop(stream.write_all(body));
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        let end = answer
            .windows(4)
            .position(|part| part == b"\r\n\r\n")
            .unwrap();
        let status = std::str::from_utf8(&answer[9..12])
            .unwrap()
            .parse()
            .unwrap();
        (status, answer.split_off(end + 4))
    }

    /// Interrupts it; its exit status and what it said on standard error.
    fn end(mut self) -> (Option<i32>, String) {
        assert!(
            Command::new("kill")
                .args(["-INT", &self.child.id().to_string()])
                .status()
                .unwrap()
                .success()
        );
        let mut said = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

#[test]
fn a_log_is_served_as_it_grows_and_nothing_else_is() {
    let log = Log::filled();
    let server = Server::start(&["serve", &log.dir()]);
    let published = std::fs::read(log.folder.path().join("log/checkpoint")).unwrap();
    assert_eq!(
        server.ask("GET", "/checkpoint", b""),
        (200, published.clone())
    );
    let tile = std::fs::read(log.folder.path().join("log/tile/entries/000.p/5")).unwrap();
    assert_eq!(server.ask("GET", "/tile/entries/000.p/5", b""), (200, tile));
    for path in [
        "/",
        "/../log.key",
        "/log.key",
        "/seg/00000000000000000000.seg",
        "/tile/../checkpoint",
        "/tile/entries/000.p/6",
    ] {
        assert_eq!(server.ask("GET", path, b"").0, 404, "{path}");
    }
    assert_eq!(server.ask("POST", "/checkpoint", b"x").0, 405);
    assert_eq!(
        server.ask("POST", "/checkpoint", &vec![b'x'; 300 * 1024]).0,
        413
    );

    log.append(&[r#"{"event":"more"}"#]);
    let (status, now) = server.ask("GET", "/checkpoint", b"");
    assert_eq!(status, 200);
    assert!(String::from_utf8(now).unwrap().contains("\n6\n"));
    assert_eq!(server.ask("GET", "/tile/entries/000.p/6", b"").0, 200);
    assert_eq!(server.end().0, Some(0));
}

#[test]
fn a_witness_makes_a_log_witnessed_and_forgets_nothing() {
    let log = Log::filled();
    let at = |name: &str| log.folder.file(name);
    let (dir, key) = (at("witness"), at("witness.key"));
    let start = || {
        Server::start(&[
            "witness",
            &dir,
            "--key",
            &key,
            "--name",
            "witness.example/w1",
            "--log",
            &log.vkey,
        ])
    };
    let witness = start();
    let url = format!("http://{}", witness.address);
    // What is not signed by the log is not cosigned.
    assert_eq!(
        witness
            .ask("POST", "/add-checkpoint", b"old 0\n\nnonsense")
            .0,
        400
    );
    assert_eq!(witness.ask("GET", "/checkpoint", b"").0, 404);
    let (status, said) = witness.end();
    assert_eq!(status, Some(0));
    let vkey = said
        .split_whitespace()
        .find(|word| word.starts_with("witness.example/w1+"))
        .expect(&said)
        .to_owned();

    // The same key again, at another address.
    let witness = start();
    let address = &witness.address;
    let policy = format!(
        "log {}\nwitness one {vkey} http://{address}\nquorum one\n",
        log.vkey
    );
    std::fs::write(at("policy"), policy).unwrap();
    assert_ne!(url, format!("http://{address}"));
    let ran = log.verify(&["--policy", &at("policy")]);
    assert_eq!(ran.status, Some(1), "nobody has cosigned yet");
    insta::assert_snapshot!(ran.out, @"NOT VERIFIED  only 0/1 of the policy's witnesses have cosigned, which is no quorum");

    let mut writer = log.command("append");
    let mut writer = writer.args(["--policy", &at("policy")]).spawn().unwrap();
    for n in 0..5 {
        let answer = ask(&mut writer, r#"{"event":"seen"}"#);
        assert!(answer.starts_with(r#"{"index":"#), "{answer}");
        let ran = log.verify(&["--policy", &at("policy")]);
        assert_eq!(ran.status, Some(0), "entry {n}: {}", ran.out);
    }
    drop(writer.stdin.take());
    assert!(writer.wait().unwrap().success());
    let ran = log.verify(&["--policy", &at("policy")]);
    assert!(
        ran.out
            .starts_with("VERIFIED  witnessed(1/1): covered up to "),
        "{}",
        ran.out
    );
    log.audit(
        "prove",
        &["--index", "5", "--out", &at("r"), "--entry-out", &at("e")],
    );
    let proof = crate::support::run([
        "audit",
        "check-proof",
        &at("r"),
        "--vkey",
        &log.vkey,
        "--entry",
        &at("e"),
        "--policy",
        &at("policy"),
        "--json",
    ]);
    assert_eq!(
        (&proof.json()["level"], &proof.json()["witnesses"]["signed"]),
        (&"witnessed".into(), &1.into())
    );
    assert_eq!(witness.end().0, Some(0));
}
