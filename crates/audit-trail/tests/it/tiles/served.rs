//! The log behind HTTP: what is served is what verifies, and nothing else is served.

use super::*;
use audit_trail::serve_log;
use http::{Method, Request, Response, StatusCode};

fn ask(method: Method, path: &str) -> Response<Vec<u8>> {
    let request = Request::builder().method(method).uri(path);
    serve_log(&SERVED.0, None, &request.body(Vec::new()).unwrap())
}

fn header<'a>(response: &'a Response<Vec<u8>>, name: &str) -> &'a str {
    response.headers()[name].to_str().unwrap()
}

#[test]
fn what_is_served_is_what_verifies() {
    let (_, files, key) = &*SERVED;
    let read = |path: &str| {
        let response = ask(Method::GET, &format!("/{path}"));
        Ok((response.status() == StatusCode::OK).then(|| response.into_body()))
    };
    let verified = verify_tiles(read, key, None, None).unwrap();
    assert_eq!(verified.size, 601);
    for (path, bytes) in files {
        let response = ask(Method::GET, &format!("/{path}"));
        assert_eq!(response.body(), bytes);
        let (kind, cache) = if path == "checkpoint" {
            ("text/plain; charset=utf-8", "no-store")
        } else {
            (
                "application/octet-stream",
                "public, max-age=31536000, immutable",
            )
        };
        assert_eq!(header(&response, "content-type"), kind);
        assert_eq!(header(&response, "cache-control"), cache);
        let head = ask(Method::HEAD, &format!("/{path}"));
        assert_eq!((head.status(), head.body().len()), (StatusCode::OK, 0));
    }
}

#[test]
fn nothing_else_is_served() {
    for path in [
        "/",
        "/tile",
        "/tile/0/",
        "/tile/0/003",
        "/tile/0/002.p/90",
        "/tile/0/000.p/256",
        "/tile/64/000",
        "/tile/0/../../checkpoint",
        "/tile/../checkpoint",
        "/../checkpoint",
        "/%2e%2e/checkpoint",
        "//checkpoint",
        "/checkpoint/",
        "/tile/entries/%2e%2e",
        "/LOCK",
        "/seg/0.seg",
    ] {
        let response = ask(Method::GET, path);
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(header(&response, "cache-control"), "no-store");
    }
    for path in ["/checkpoint", "/tile/0/000"] {
        let response = ask(Method::POST, path);
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(header(&response, "allow"), "GET, HEAD");
    }
}

#[test]
fn a_cosigned_checkpoint_is_served_where_one_was_published() {
    let (log, _, _) = &*SERVED;
    let witness = CosignerKey::from_seed("w", &[9; 32]).unwrap();
    let cosigned = witness
        .cosign(&log.checkpoint().unwrap(), datetime!(2026-11-22 12:00 UTC))
        .unwrap();
    let request = Request::get("/checkpoint").body(Vec::new()).unwrap();
    let response = serve_log(log, Some(&cosigned), &request);
    assert_eq!(response.body(), cosigned.as_str().as_bytes());
}
