//! The client and witnesses, honest and not, over a real socket.

use super::*;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use audit_trail::witness::{WitnessClient, WitnessError};
use audit_trail::{AuditLog, Level, TlogPolicy, serve_witness, verify_checkpoint};
use http::{Request, Response};

type Handler = Box<dyn Fn(Request<Vec<u8>>) -> Response<Vec<u8>> + Send>;

/// Answers one request a connection until the process ends. Gives the URL.
fn serve(handler: Handler) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/w", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            // A client that hangs up is none of the server's troubles.
            drop(answer(stream.unwrap(), &handler));
        }
    });
    url
}

fn answer(stream: TcpStream, handler: &Handler) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut parts = line.split(' ');
    let (method, path) = (
        parts.next().unwrap().to_owned(),
        parts.next().unwrap().to_owned(),
    );
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        if header.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let path = path.strip_prefix("/w").unwrap_or("/elsewhere");
    let request = Request::builder().method(method.as_str()).uri(path);
    let response = handler(request.body(body).unwrap());
    let mut stream = reader.into_inner();
    write!(
        stream,
        "HTTP/1.1 {} x\r\nconnection: close\r\ncontent-length: {}\r\n",
        response.status().as_u16(),
        response.body().len()
    )?;
    for (name, value) in response.headers() {
        write!(stream, "{name}: {}\r\n", value.to_str().unwrap())?;
    }
    stream.write_all(b"\r\n")?;
    stream.write_all(response.body())
}

fn key(n: u8) -> CosignerKey {
    CosignerKey::from_seed(&format!("w{n}.example"), &[n; 32]).unwrap()
}

/// A witness behind a socket, and how often it was asked.
fn honest(n: u8) -> (String, Arc<Mutex<Vec<u16>>>) {
    let logs = vec![log_key().verifier_key().clone()];
    let witness = Witness::new(key(n), logs, Memory::default(), clock());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let url = serve(Box::new(move |request| {
        let response = serve_witness(&witness, &request);
        seen.lock().unwrap().push(response.status().as_u16());
        response
    }));
    (url, asked)
}

fn policy(rule: &str, urls: &[String]) -> TlogPolicy {
    let mut text = String::new();
    let mut names = String::new();
    for (n, url) in (1..).zip(urls) {
        writeln!(text, "witness w{n} {} {url}", key(n).verifier_key()).unwrap();
        write!(names, " w{n}").unwrap();
    }
    format!("{text}group g {rule}{names}\nquorum g\n")
        .parse()
        .unwrap()
}

fn client_of(rule: &str, urls: &[String]) -> WitnessClient {
    WitnessClient::new(policy(rule, urls), Duration::from_secs(20))
}

fn more(log: &AuditLog, n: usize) {
    for _ in 0..n {
        log.log(Entry::event("more")).unwrap();
    }
}

#[test]
fn a_quorum_is_collected_and_kept_up_with() {
    let log = log_of(9);
    let (urls, asked): (Vec<_>, Vec<_>) = (1..=3).map(honest).unzip();
    let client = client_of("all", &urls);
    let key = log_key().verifier_key().clone();
    for _ in 0..3 {
        let checkpoint = log.checkpoint().unwrap();
        let collected = client.collect(&log.reader(), &checkpoint).unwrap();
        assert!(collected.quorum.satisfied, "{collected}");
        assert_eq!(collected.quorum.witnesses().to_string(), "3/3");
        let note = collected.checkpoint.as_str();
        let established = verify_checkpoint(note, &key, Some(client.policy())).unwrap();
        assert_eq!(established.level, Level::Witnessed);
        let receipt = log.receipt_under(3, &collected.checkpoint).unwrap();
        let entry = log.entry(3).unwrap();
        let established = receipt
            .verify(entry.bytes(), &key, Some(client.policy()))
            .unwrap();
        assert_eq!(established.level, Level::Witnessed);
        more(&log, 5);
    }
    // Each knew where the witness stood, and asked once.
    for asked in &asked {
        assert_eq!(*asked.lock().unwrap(), [200, 200, 200]);
    }
    // A client that knows nothing is told, and asks again; one checkpoint twice is no harm.
    let fresh = client_of("all", &urls);
    for _ in 0..2 {
        let collected = fresh
            .collect(&log.reader(), &log.checkpoint().unwrap())
            .unwrap();
        assert!(collected.quorum.satisfied, "{collected}");
    }
    for asked in &asked {
        assert_eq!(asked.lock().unwrap()[3..], [409, 200, 200]);
    }
    // The first client's idea is old by now.
    more(&log, 1);
    let collected = client
        .collect(&log.reader(), &log.checkpoint().unwrap())
        .unwrap();
    assert!(collected.quorum.satisfied, "{collected}");
    for asked in &asked {
        assert_eq!(asked.lock().unwrap()[6..], [409, 200]);
    }
}

#[test]
fn a_witness_that_is_ahead_says_that_the_log_was_rolled_back() {
    let log = log_of(9);
    let old = log.checkpoint().unwrap();
    more(&log, 5);
    let (url, _) = honest(1);
    let client = client_of("any", &[url]);
    let collected = client
        .collect(&log.reader(), &log.checkpoint().unwrap())
        .unwrap();
    assert!(collected.quorum.satisfied);
    let collected = client.collect(&log.reader(), &old).unwrap();
    assert!(!collected.quorum.satisfied);
    assert!(
        matches!(
            collected.failures[0].1,
            WitnessError::Ahead {
                known: 15,
                size: 10
            }
        ),
        "{collected}"
    );
    // A history of its own, of another length.
    let fork = log_of(30);
    let collected = client
        .collect(&fork.reader(), &fork.checkpoint().unwrap())
        .unwrap();
    assert!(
        matches!(collected.failures[0].1, WitnessError::Forked { known: 15 }),
        "{collected}"
    );
}

fn replies(status: u16, body: impl Into<Vec<u8>>) -> String {
    let body = body.into();
    serve(Box::new(move |_| {
        let mut response = Response::new(body.clone());
        *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
        response
            .headers_mut()
            .insert("location", "http://127.0.0.1:1/elsewhere".parse().unwrap());
        response
    }))
}

#[test]
fn what_a_bad_witness_says_is_neither_believed_nor_in_the_way_of_the_others() {
    let log = log_of(9);
    let checkpoint = log.checkpoint().unwrap();
    let at = datetime!(2026-11-22 12:00 UTC);
    let line = |by: &CosignerKey, of: &Checkpoint| {
        let cosigned = by.cosign(of, at).unwrap();
        cosigned
            .as_str()
            .strip_prefix(of.as_str())
            .unwrap()
            .to_owned()
    };
    let other = log_of(9).checkpoint().unwrap();
    // A port that was just free.
    let nobody = format!(
        "http://{}",
        TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
    );
    let urls = vec![
        honest(1).0,
        replies(200, line(&key(1), &checkpoint)),
        replies(200, line(&key(3), &other)),
        replies(200, "thank you\n"),
        replies(200, vec![b'x'; 100_000]),
        replies(409, "4\n"),
        replies(409, "4294967296\n"),
        replies(409, "04\n"),
        replies(302, ""),
        replies(200, vec![0xff; 10]),
        nobody,
    ];
    let client = client_of("any", &urls);
    let collected = client.collect(&log.reader(), &checkpoint).unwrap();
    assert_eq!(collected.quorum.signed, ["w1"]);
    assert!(collected.quorum.satisfied);
    let said: Vec<_> = collected
        .failures
        .iter()
        .map(|(name, error)| {
            let said = error.to_string();
            format!(
                "{name}: {}",
                if matches!(error, WitnessError::Http(_)) {
                    "it could not be asked"
                } else {
                    &said
                }
            )
        })
        .collect();
    insta::assert_snapshot!(said.join("\n"), @r"
w2: its answer is no cosignature: no known key has signed the note
w3: its answer is no cosignature: the signature of `w3.example` does not verify
w4: its answer is no cosignature: malformed note: a signature line has not the form `— name base64`
w5: it could not be asked
w6: it answered `4` with status 409
w7: it answered `4294967296` with status 409
w8: it answered `04` with status 409
w9: it answered `` with status 302
w10: it could not be asked
w11: it could not be asked
");
    assert_eq!(
        collected.checkpoint.as_str(),
        format!("{checkpoint}{}", line(&key(1), &checkpoint))
    );
}

#[test]
fn a_witness_without_a_url_is_not_asked_and_a_foreign_checkpoint_is_not_shown_around() {
    let log = log_of(9);
    let checkpoint = log.checkpoint().unwrap();
    let text = format!("witness w {}\nquorum w\n", key(1).verifier_key());
    let client = WitnessClient::new(text.parse().unwrap(), Duration::from_secs(5));
    let collected = client.collect(&log.reader(), &checkpoint).unwrap();
    assert!(matches!(collected.failures[0].1, WitnessError::NoUrl));
    assert!(!collected.quorum.satisfied);
    let (url, asked) = honest(1);
    let other = SigningKey::from_seed("other.example", &[9; 32]).unwrap();
    let text = format!(
        "log {}\nwitness w {} {url}\nquorum w\n",
        other.verifier_key(),
        key(1).verifier_key()
    );
    let client = WitnessClient::new(text.parse().unwrap(), Duration::from_secs(5));
    assert!(client.collect(&log.reader(), &checkpoint).is_err());
    assert!(asked.lock().unwrap().is_empty());
}
