//! In front of a real gRPC server, under a real gRPC client: no generated code, a codec of plain bytes.

use std::convert::Infallible;
use std::task::{Context, Poll};

use bytes::{Buf as _, BufMut as _, Bytes};
use http::uri::PathAndQuery;
use security_bundle::SecurityStack;
use security_tower::{GovernanceLayer, Permitted};
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::client::Grpc as Client;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::{Endpoint, Server};
use tonic::{Code, Request, Response, Status};
use tower::Service;

use crate::support::{by_path, decisions, endings, stack, tokens};

#[derive(Default)]
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(item);
        Ok(())
    }
}

impl Decoder for Plain {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

/// The service `ada`, whose method is the tool: says yes, or fails where it is told to.
#[derive(Clone)]
struct Tools;

impl NamedService for Tools {
    const NAME: &'static str = "ada";
}

impl Service<http::Request<Body>> for Tools {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        struct Answer;
        impl UnaryService<Bytes> for Answer {
            type Response = Bytes;
            type Future = std::future::Ready<Result<Response<Bytes>, Status>>;

            fn call(&mut self, request: Request<Bytes>) -> Self::Future {
                assert!(request.extensions().get::<Permitted>().is_some());
                std::future::ready(match &request.get_ref()[..] {
                    b"break" => Err(Status::internal("planted")),
                    b"refuse" => Err(Status::not_found("nothing there")),
                    _ => Ok(Response::new("yes".into())),
                })
            }
        }
        Box::pin(async move { Ok(Grpc::new(Plain).unary(Answer, request).await) })
    }
}

async fn serve(stack: &SecurityStack) -> Client<tonic::transport::Channel> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let layer = GovernanceLayer::new(stack.guard(), by_path).settle_at_body_end();
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let server = Server::builder()
        .layer(layer)
        .serve_with_incoming(Tools, incoming);
    tokio::spawn(server);
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    Client::new(endpoint.connect().await.unwrap())
}

async fn call(
    client: &mut Client<tonic::transport::Channel>,
    path: &'static str,
    text: &'static str,
) -> Result<Bytes, Status> {
    client.ready().await.unwrap();
    let mut request = Request::new(Bytes::from_static(text.as_bytes()));
    request
        .metadata_mut()
        .insert("x-known", "yes".parse().unwrap());
    let answer = client.unary(request, PathAndQuery::from_static(path), Plain);
    Ok(answer.await?.into_inner())
}

#[tokio::test]
async fn calls_run_and_settle_and_denials_are_grpc_statuses() {
    let stack = stack();
    let mut client = serve(&stack).await;
    assert_eq!(call(&mut client, "/ada/run", "now").await.unwrap(), "yes");
    for (path, code, of_stack) in [
        ("/ada/asked", Code::PermissionDenied, "needs_approval"),
        ("/ada/profile", Code::PermissionDenied, "no_record"),
        ("/ada/hidden", Code::Unimplemented, "unknown_tool"),
        ("/nowhere", Code::Unimplemented, "unknown_tool"),
    ] {
        let status = call(&mut client, path, "now").await.unwrap_err();
        assert_eq!(status.code(), code, "{path}");
        assert_eq!(status.metadata().get("secstack-code").unwrap(), of_stack);
    }
    let status = call(&mut client, "/ada/asked", "now").await.unwrap_err();
    assert!(status.message().contains("approval"), "{status:?}");
    assert!(status.metadata().get("secstack-approval").is_some());
    assert!(status.metadata().get("secstack-record-id").is_some());
    assert_eq!(endings(&stack), ["settled"]);
}

#[tokio::test]
async fn a_calls_own_status_says_whether_it_failed_and_an_empty_budget_is_exhausted() {
    let stack = stack();
    let mut client = serve(&stack).await;
    let broken = call(&mut client, "/ada/run", "break").await.unwrap_err();
    assert_eq!(broken.code(), Code::Internal);
    let refused = call(&mut client, "/ada/run", "refuse").await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    call(&mut client, "/ada/run", "now").await.unwrap();
    let exhausted = call(&mut client, "/ada/run", "now").await.unwrap_err();
    assert_eq!(exhausted.code(), Code::ResourceExhausted);
    assert_eq!(endings(&stack), ["failed", "settled", "settled"]);
    assert_eq!(tokens(&stack), (30, 0));
    assert_eq!(decisions(&stack), 4);
}
