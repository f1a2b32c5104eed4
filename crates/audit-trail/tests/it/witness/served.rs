//! A witness behind HTTP: paths, statuses and headers as the specification says.

use super::*;
use audit_trail::serve_witness;
use http::{Method, Request, Response};

fn ask(witness: &Witness<Memory>, method: Method, path: &str, body: String) -> Response<Vec<u8>> {
    let request = Request::builder().method(method).uri(path);
    serve_witness(witness, &request.body(body.into_bytes()).unwrap())
}

#[test]
fn a_witness_answers_over_http_as_the_specification_says() {
    let (witness, log) = (witness(), log_of(9));
    let post = |body| ask(&witness, Method::POST, "/add-checkpoint", body);
    let seven = signed(7, log.root(7).unwrap());
    let path = format!("/{}/checkpoint", sha256_hex("test.example/log"));
    let get = |path: &str| ask(&witness, Method::GET, path, String::new());
    assert_eq!(get(&path).status(), 404);
    let answer = post(body(0, &[], &seven));
    assert_eq!(answer.status(), 200);
    let lines = String::from_utf8(answer.into_body()).unwrap();
    assert!(lines.starts_with("— witness.example/w1 ") && lines.ends_with('\n'));
    let kept = get(&path);
    assert_eq!(kept.status(), 200);
    assert_eq!(kept.body(), format!("{seven}{lines}").as_bytes());
    let conflict = post(body(0, &[], &seven));
    assert_eq!(conflict.status(), 409);
    assert_eq!(conflict.body(), b"7\n");
    assert_eq!(conflict.headers()["content-type"], "text/x.tlog.size");
    assert_eq!(post("x".into()).status(), 400);
    let get_add = get("/add-checkpoint");
    assert_eq!(
        (get_add.status().as_u16(), &get_add.headers()["allow"]),
        (405, &"POST".parse().unwrap())
    );
    assert_eq!(
        ask(&witness, Method::POST, &path, String::new()).status(),
        405
    );
    for path in [
        "/",
        "/add-checkpoint/",
        "/sign-subtree",
        "/LOCK",
        "/4a3c6d6a7d2e7a6a/checkpoint",
        &path.to_uppercase(),
        "/../checkpoint",
    ] {
        assert_eq!(get(path).status(), 404, "{path}");
    }
}

fn sha256_hex(text: &str) -> String {
    use sha2::Digest as _;
    let hash: [u8; 32] = sha2::Sha256::digest(text).into();
    hash.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}
