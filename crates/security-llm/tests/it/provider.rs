//! A provider on this machine: real HTTP, and every way in which an answer can come or fail to come.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request};
use axum::http::{HeaderMap, Response};
use futures_util::stream;
use serde_json::Value;
use tokio::net::TcpListener;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) peer: SocketAddr,
}

/// What comes over the wire after the head of the answer.
#[derive(Debug, Clone)]
pub(crate) enum Piece {
    Bytes(Vec<u8>),
    /// The connection is cut.
    Cut,
    /// Nothing more ever comes.
    Silence,
}

#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Now {
        status: u16,
        headers: Vec<(&'static str, String)>,
        pieces: Vec<Piece>,
    },
    /// Not even the head of an answer comes.
    Never,
}

impl Reply {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::Now {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            pieces: vec![Piece::Bytes(body.to_string().into_bytes())],
        }
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Now { headers, .. } = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }

    pub(crate) fn events(pieces: impl IntoIterator<Item = Piece>) -> Self {
        Self::Now {
            status: 200,
            headers: vec![("content-type", "text/event-stream".to_owned())],
            pieces: pieces.into_iter().collect(),
        }
    }

    /// A stream that comes in one piece and ends.
    pub(crate) fn text(text: &str) -> Self {
        Self::events([Piece::Bytes(text.as_bytes().to_vec())])
    }
}

pub(crate) struct Provider {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Provider {
    /// A provider that answers each request as `reply` says.
    pub(crate) async fn start(reply: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (reply, all) = (Arc::new(reply), Arc::clone(&seen));
        let app = Router::new().fallback(move |ConnectInfo(peer), request: Request| {
            let (reply, all) = (Arc::clone(&reply), Arc::clone(&all));
            async move {
                let (head, body) = request.into_parts();
                let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
                let seen = Seen {
                    path: head.uri.path().to_owned(),
                    headers: head.headers,
                    body: serde_json::from_slice(&body).unwrap_or_default(),
                    peer,
                };
                let reply = reply(&seen);
                all.lock().unwrap().push(seen);
                answer(reply).await
            }
        });
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, seen }
    }

    pub(crate) async fn always(reply: Reply) -> Self {
        Self::start(move |_| reply.clone()).await
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1);
        seen.into_iter().next().unwrap()
    }
}

async fn answer(reply: Reply) -> Result<Response<Body>, Infallible> {
    let Reply::Now {
        status,
        headers,
        pieces,
    } = reply
    else {
        return std::future::pending().await;
    };
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    let pieces = stream::unfold(pieces.into_iter(), |mut pieces| async {
        // So that each piece is a write of its own.
        tokio::task::yield_now().await;
        let piece: Result<Bytes, io::Error> = match pieces.next()? {
            Piece::Bytes(bytes) => Ok(bytes.into()),
            Piece::Cut => Err(io::Error::other("cut")),
            Piece::Silence => std::future::pending().await,
        };
        Some((piece, pieces))
    });
    Ok(response.body(Body::from_stream(pieces)).unwrap())
}
