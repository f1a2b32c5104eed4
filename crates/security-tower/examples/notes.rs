//! A web service whose callers are agents: three tools over some notes, each request judged before it runs.
//!
//! `cargo run -p security-tower --example notes --features axum,identity` prints tokens and what to try with them.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use agent_identity::{
    Authenticator, Replay, SigningKey, TokenAuthenticator, TokenIssuer, TokenRequest, VerifiedAgent,
};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::routing::get;
use security_bundle::{
    ActionBuilder, Guard, SecurityStack, SecurityStackConfig, Usage, create_security_stack,
};
use security_tower::{BearerTokens, GovernanceLayer, NotAnAction, PermitHandle, Permitted};

/// Who may do what, how often. The clerk may read; the assistant may write, and delete once an operator has agreed.
const CONFIG: &str = r#"
[[trust.assignments]]
agent = "assistant"
level = "L4"
assigned_by = "ops@example.com"

[[trust.assignments]]
agent = "clerk"
level = "L1"
assigned_by = "ops@example.com"

[[trust.tools]]
tool = "read_note"
required_level = "L1"
effect = "read_public"

[[trust.tools]]
tool = "write_note"
required_level = "L3"
effect = "write"

[[trust.tools]]
tool = "delete_note"
required_level = "L3"
effect = "destructive"
approval = "always"

[budget.session]
calls = 100
tokens = 1000000
"#;

type Notes = Arc<Mutex<BTreeMap<String, String>>>;

/// The service, governed. Nothing reaches a note but through the layer.
pub(crate) fn app(guard: Guard, agents: impl Authenticator + 'static) -> Router {
    let notes = Router::new()
        .route("/notes/{name}", get(read).put(write).delete(delete))
        .with_state(Notes::default());
    notes.layer(GovernanceLayer::new(
        guard,
        BearerTokens::new(agents, tool_of),
    ))
}

/// Which tool a request calls. Who calls is said by the token, and one agent's calls are one session.
fn tool_of(
    action: ActionBuilder,
    agent: &VerifiedAgent,
    request: &Parts,
) -> Result<ActionBuilder, NotAnAction> {
    let path = request.uri.path();
    let name = path
        .strip_prefix("/notes/")
        .ok_or_else(NotAnAction::unknown)?;
    let tool = match request.method {
        Method::GET => "read_note",
        Method::PUT => "write_note",
        Method::DELETE => "delete_note",
        _ => return Err(NotAnAction::unknown()),
    };
    let arguments = serde_json::json!({ "name": name }).to_string();
    Ok(action
        .session(agent.id().as_str())
        .tool(tool)
        .args_json(&arguments))
}

async fn read(
    State(notes): State<Notes>,
    Path(name): Path<String>,
    permit: PermitHandle,
) -> Result<String, StatusCode> {
    let notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    let note = notes.get(&name).cloned().ok_or(StatusCode::NOT_FOUND)?;
    // What it really used; without this it settles at what was held.
    let tokens = u64::try_from(note.len() / 4).unwrap_or(u64::MAX);
    permit
        .set_usage(Usage::default().tokens(tokens))
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok(note)
}

async fn write(
    State(notes): State<Notes>,
    Path(name): Path<String>,
    permitted: Permitted,
    text: String,
) -> String {
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    notes.insert(name, text);
    // The id under which an operator finds it in the log.
    permitted.record_id().unwrap_or_default()
}

async fn delete(State(notes): State<Notes>, Path(name): Path<String>) -> StatusCode {
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    notes
        .remove(&name)
        .map_or(StatusCode::NOT_FOUND, |_| StatusCode::NO_CONTENT)
}

/// The stack, and someone who issues tokens with the one who accepts them.
pub(crate) fn parts() -> Result<(SecurityStack, TokenIssuer, TokenAuthenticator), Box<dyn Error>> {
    let stack = create_security_stack(SecurityStackConfig::from_toml_str(CONFIG)?)?;
    let issuer = TokenIssuer::new(
        "launcher".parse()?,
        "2026-11".parse()?,
        SigningKey::generate()?,
    );
    let (agents, _keys) = TokenAuthenticator::builder("notes".parse()?)
        .trust(
            "launcher".parse()?,
            "2026-11".parse()?,
            issuer.verifying_key(),
        )
        // An agent keeps its token for many requests. Use TLS, for whoever reads it on its way is the agent.
        .replay(Replay::Allow)
        .build()?;
    Ok((stack, issuer, agents))
}

/// A token that an agent bears.
pub(crate) fn token(issuer: &TokenIssuer, agent: &str) -> Result<String, Box<dyn Error>> {
    let request = TokenRequest::new(agent.parse()?, "notes".parse()?);
    Ok(issuer.issue(&request)?.into_string())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (stack, issuer, agents) = parts()?;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (assistant, clerk) = (token(&issuer, "assistant")?, token(&issuer, "clerk")?);
    let mut out = std::io::stdout();
    writeln!(
        out,
        "ASSISTANT='authorization: Bearer {assistant}'\nCLERK='authorization: Bearer {clerk}'\nNOTE=http://{address}/notes/shopping\n\n\
         curl -i $NOTE                                        # 401: who is calling?\n\
         curl -i -H \"$CLERK\" -X PUT -d milk $NOTE             # 404: for a clerk there is no such tool\n\
         curl -i -H \"$ASSISTANT\" -X PUT -d milk $NOTE         # 200, and the id of the record\n\
         curl -i -H \"$CLERK\" $NOTE                            # 200: milk\n\
         curl -i -H \"$ASSISTANT\" -X DELETE $NOTE              # 403: an operator has to approve\n\
         for i in $(seq 101); do curl -s -o /dev/null -w '%{{http_code}} ' -H \"$CLERK\" $NOTE; done   # 429 at the end\n"
    )?;
    axum::serve(listener, app(stack.guard(), agents)).await?;
    Ok(())
}
