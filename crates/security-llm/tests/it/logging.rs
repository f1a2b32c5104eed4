//! What the log holds of a call: who, which model, what it cost; and no word of what was said.

use futures_util::StreamExt;
use security_bundle::audit_trail::{Filter, Kind};
use security_llm::Endpoint;
use serde_json::json;

use crate::provider::{Piece, Provider, Reply};
use crate::support::*;

#[tokio::test]
async fn a_call_is_an_intent_and_an_outcome_with_model_and_amounts() {
    let answer = json!({ "usage": { "prompt_tokens": 10, "completion_tokens": 5 } });
    let bench = Bench::new(Provider::always(Reply::json(200, &answer)).await);
    let answer = bench
        .call()
        .send(Endpoint::ChatCompletions, chat(100))
        .await
        .unwrap();
    let decisions = bench.of_kind(Kind::Decision);
    let outcomes = bench.of_kind(Kind::Outcome);
    assert_eq!((decisions.len(), outcomes.len()), (1, 1));
    let intent = entry(&decisions[0]);
    let outcome = entry(&outcomes[0]);
    for entry in [&intent, &outcome] {
        assert_eq!(entry["agent"], AGENT, "{entry}");
        assert_eq!(entry["action"]["type"], "llm_completion");
        assert_eq!(entry["resource"], "gpt-4o");
    }
    let booked: Vec<_> = outcomes[0]
        .budget()
        .unwrap()
        .charges
        .iter()
        .map(|charge| format!("{} {}", charge.amount, charge.unit))
        .collect();
    assert_eq!(booked, ["15 tokens", "1 calls", "75000 nano_usd"]);
    assert!(answer.settled.record_id.is_some());
    assert!(bench.log().verify(None).unwrap().fully_covered());
}

#[tokio::test]
async fn no_prompt_and_no_answer_and_no_key_is_in_the_log_or_printed() {
    const SECRETS: [&str; 3] = ["Xyzzy", "Plugh", KEY];
    let provider = Provider::start(|seen| match seen.body["seed"].as_u64() {
        Some(0) => Reply::json(200, &json!({ "text": "Plugh" })),
        Some(1) => Reply::json(
            400,
            &json!({ "error": { "message": "Xyzzy is bad", "type": "Plugh Plugh", "code": "Xyzzy!" } }),
        ),
        Some(2) => Reply::text("data: {\"error\":{\"message\":\"Plugh\"}}\n\n"),
        Some(3) => Reply::text("data: Plugh\n\n"),
        _ => Reply::events([
            Piece::Bytes(b"data: {\"choices\":[{\"delta\":{\"content\":\"Plugh\"}}]}\n\n".to_vec()),
            Piece::Cut,
        ]),
    });
    let bench = Bench::new(provider.await);
    let llm = bench.openai().build().unwrap();
    let mut printed = vec![format!("{:?} {llm:?}", bench.openai())];
    for seed in 0..5 {
        let request = json!({
            "model": "gpt-4o", "max_completion_tokens": 9, "seed": seed, "messages": [{ "role": "user", "content": "Xyzzy" }],
        });
        let call = llm.call(AGENT).budget(BUDGET);
        if seed < 2 {
            match call.send(Endpoint::ChatCompletions, request).await {
                Ok(answer) => printed.push(format!("{answer:?}")),
                Err(error) => printed.push(format!("{error}")),
            }
            continue;
        }
        let mut stream = call
            .stream(Endpoint::ChatCompletions, request)
            .await
            .unwrap();
        while let Some(event) = stream.next().await {
            match event {
                Ok(event) => printed.push(format!("{event:?} {stream:?}")),
                Err(error) => printed.push(format!("{error}")),
            }
        }
    }
    let all = bench.log().query(&Filter::new()).unwrap().records;
    assert_eq!(
        all.iter()
            .filter(|entry| entry.kind() == Kind::Outcome)
            .count(),
        5
    );
    printed.extend(all.iter().map(|record| entry(record).to_string()));
    for secret in SECRETS {
        for text in &printed {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}
