//! Many calls at once on one budget: what is spent and held is never more than the limit, and in the end nothing is held.

use std::sync::Arc;

use futures_util::StreamExt;
use security_bundle::budget_enforcer::Dimension;
use security_llm::{Endpoint, LlmError};
use tokio::task::JoinSet;

use crate::provider::{Piece, Provider, Reply};
use crate::streams::CHAT;
use crate::support::*;

const TASKS: usize = 64;
const CALLS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_streams_share_a_budget_and_never_exceed_it() {
    // Five kinds of ends, by the number in the request.
    let provider = Provider::start(|seen| {
        let half = CHAT.as_bytes()[..400].to_vec();
        match seen.body["seed"].as_u64().unwrap_or(0) % 5 {
            0 => Reply::events([Piece::Bytes(half), Piece::Cut]),
            1 => Reply::json(500, &serde_json::json!(null)),
            2 => Reply::json(
                429,
                &serde_json::json!({ "error": { "message": "m", "type": "t", "code": "rate_limit_exceeded" } }),
            ),
            3 => Reply::events([Piece::Bytes(half), Piece::Silence]),
            _ => Reply::text(CHAT),
        }
    });
    let (each, _) = chat_hold(100);
    let limit = each * 40;
    let bench = Arc::new(Bench::with(provider.await, |spec| {
        spec.tokens(limit).calls(1000).cost(usd("10"))
    }));
    let llm = bench.openai().build().unwrap();
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (bench, llm) = (Arc::clone(&bench), llm.clone());
        tasks.spawn(async move {
            let mut permitted = 0_u64;
            for round in 0..CALLS {
                let mut request = chat(100);
                request["seed"] = serde_json::json!(task * CALLS + round);
                let call = llm.call(AGENT).budget(BUDGET);
                match call.stream(Endpoint::ChatCompletions, request).await {
                    Ok(mut stream) => {
                        permitted += 1;
                        // A stream that falls silent is left.
                        for _ in 0..2 {
                            if !matches!(stream.next().await, Some(Ok(_))) {
                                break;
                            }
                        }
                        if (task + round) % 2 == 0 {
                            stream.finish().await.unwrap();
                        }
                    }
                    Err(LlmError::Denied(_)) => {}
                    Err(error) => {
                        assert_eq!(error.code(), "provider_status");
                        permitted += 1;
                    }
                }
                let (spent, over, held) = bench.usage(Dimension::Tokens);
                assert_eq!(over, 0);
                assert!(spent + held <= limit, "{spent} + {held} > {limit}");
            }
            permitted
        });
    }
    let permitted: u64 = tasks.join_all().await.into_iter().sum();
    let (spent, _) = bench.booked();
    assert!(permitted >= 40 && spent <= limit, "{permitted}, {spent}");
    assert_eq!(bench.calls(), permitted);
    assert!(bench.log().verify(None).unwrap().fully_covered());
}
