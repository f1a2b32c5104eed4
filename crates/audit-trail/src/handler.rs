//! The answers of a log and of a witness over HTTP, for any server: a request in, a response out, and no socket.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};

use crate::AuditError;
use crate::checkpoint::Checkpoint;
use crate::reader::AuditReader;
use crate::tiles::TilePath;
use crate::witness::{Refusal, Witness, WitnessStore, origin_hash};

const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";
const SIZE: &str = "text/x.tlog.size";
/// A year: what is at the path of a tile never changes.
const FOREVER: &str = "public, max-age=31536000, immutable";
const NEVER: &str = "no-store";

/// Answers `GET /checkpoint` and `GET /tile/…` (C2SP tlog-tiles) from a log.
///
/// Give it paths without the prefix under which the log is served. `published` is the checkpoint to show, such as
/// one that witnesses have cosigned; `None` is the log's own newest. Tiles can be cached for ever, the checkpoint not at all;
/// what the log is not yet large enough for, or no longer holds, is not found. A path that is not a tile's
/// canonical one is never looked up anywhere. Blocks while tiles are read.
///
/// ```
/// use audit_trail::{AuditLog, serve_log};
///
/// let log = AuditLog::builder().build()?;
/// let request = http::Request::get("/tile/entries/000.p/1").body(Vec::new())?;
/// let response = serve_log(&log.reader(), None, &request);
/// assert_eq!(response.status(), 200);
/// assert_eq!(response.body()[2..], *log.entry(0)?.bytes());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn serve_log(
    log: &AuditReader,
    published: Option<&Checkpoint>,
    request: &Request<Vec<u8>>,
) -> Response<Vec<u8>> {
    let path = request.uri().path().strip_prefix('/').unwrap_or_default();
    let tile = path.parse::<TilePath>();
    if path != "checkpoint" && tile.is_err() {
        return not_found();
    }
    if let Some(refused) = only(&[Method::GET, Method::HEAD], request) {
        return refused;
    }
    let answered = match tile {
        Ok(tile) => log.tile(tile).map(|bytes| answer(BYTES, FOREVER, bytes)),
        Err(_) => match published {
            Some(checkpoint) => Ok(checkpoint.to_string()),
            None => log.checkpoint().map(|checkpoint| checkpoint.to_string()),
        }
        .map(|note| answer(TEXT, NEVER, note.into_bytes())),
    };
    let mut response = answered.unwrap_or_else(|error| match error {
        AuditError::OutOfRange { .. } | AuditError::Evicted { .. } | AuditError::NoCheckpoint => {
            not_found()
        }
        // What exactly failed is nothing for strangers.
        _ => plain(StatusCode::INTERNAL_SERVER_ERROR, "the log cannot be read"),
    });
    if request.method() == Method::HEAD {
        response.body_mut().clear();
    }
    response
}

/// Answers `POST /add-checkpoint` and `GET /<origin hash>/checkpoint` (C2SP tlog-witness) from a witness.
///
/// Give it paths without the prefix under which the witness is served, and bound the size of bodies before: a request
/// has at most 256 KiB. Blocks while the witness writes what it has seen.
#[must_use]
pub fn serve_witness<S: WitnessStore>(
    witness: &Witness<S>,
    request: &Request<Vec<u8>>,
) -> Response<Vec<u8>> {
    let path = request.uri().path();
    if path == "/add-checkpoint" {
        return only(&[Method::POST], request).unwrap_or_else(|| {
            match witness.add_checkpoint(request.body()) {
                Ok(lines) => answer(TEXT, NEVER, lines.into_bytes()),
                Err(refusal) => refused(&refusal),
            }
        });
    }
    let hash = path
        .strip_prefix('/')
        .and_then(|path| path.strip_suffix("/checkpoint"));
    let Some(origin) = witness
        .origins()
        .find(|origin| hash == Some(origin_hash(origin).as_str()))
    else {
        return not_found();
    };
    only(&[Method::GET], request).unwrap_or_else(|| match witness.checkpoint(origin) {
        Ok(Some(note)) => answer(TEXT, NEVER, note.into_bytes()),
        Ok(None) => not_found(),
        Err(refusal) => refused(&refusal),
    })
}

fn refused(refusal: &Refusal) -> Response<Vec<u8>> {
    if let Refusal::Conflict { size } = refusal {
        let mut response = answer(SIZE, NEVER, format!("{size}\n").into_bytes());
        *response.status_mut() = StatusCode::CONFLICT;
        return response;
    }
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    if let Refusal::Store(_) = refusal {
        plain(status, "the witness cannot answer")
    } else {
        plain(status, &refusal.to_string())
    }
}

/// A refusal of other methods than these.
fn only(methods: &[Method], request: &Request<Vec<u8>>) -> Option<Response<Vec<u8>>> {
    if methods.contains(request.method()) {
        return None;
    }
    let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "another method is needed");
    let allowed = if methods.contains(&Method::POST) {
        "POST"
    } else if methods.contains(&Method::HEAD) {
        "GET, HEAD"
    } else {
        "GET"
    };
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(allowed));
    Some(response)
}

fn not_found() -> Response<Vec<u8>> {
    plain(StatusCode::NOT_FOUND, "not found")
}

fn plain(status: StatusCode, text: &str) -> Response<Vec<u8>> {
    let mut response = answer(TEXT, NEVER, format!("{text}\n").into_bytes());
    *response.status_mut() = status;
    response
}

fn answer(kind: &'static str, cache: &'static str, body: Vec<u8>) -> Response<Vec<u8>> {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}
