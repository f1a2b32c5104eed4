//! The demo's tools.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fmt, io};

use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    CallToolResult, ContentBlock, MetaObject, ProgressNotificationParam, RequestMetaObject,
};
use rmcp::service::RequestContext;
use rmcp::{
    Peer, RoleServer, ServerHandler, ServiceExt, schemars, tool, tool_handler, tool_router,
};
use serde::Deserialize;
use serde_json::json;
use thiserror::Error;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::folder::Folder;

/// Pause between two steps of `slow`, in milliseconds.
const STEP: u64 = 20;

/// The demo server. Clones share their notes.
#[derive(Clone)]
pub struct DemoServer {
    folder: Folder,
    notes: Arc<Mutex<BTreeMap<String, String>>>,
    clock: Arc<dyn Fn() -> OffsetDateTime + Send + Sync>,
}

/// Why the demo server could not start or serve.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The folder for its files cannot be used.
    #[error("cannot use `{path}` as the demo's folder: {source}; name one that exists")]
    Folder {
        /// The folder.
        path: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The client did not shake hands.
    #[error("the client did not open a session: {0}")]
    Session(Box<dyn std::error::Error + Send + Sync>),
}

impl DemoServer {
    /// A server that works on the files of `folder` and tells the system's time.
    ///
    /// # Errors
    ///
    /// [`DemoError::Folder`] where `folder` is no folder that can be opened.
    pub fn new(folder: impl AsRef<Path>) -> Result<Self, DemoError> {
        let folder = folder.as_ref();
        Ok(Self {
            folder: Folder::open(folder).map_err(|source| DemoError::Folder {
                path: folder.display().to_string(),
                source,
            })?,
            notes: Arc::default(),
            clock: Arc::new(system_time),
        })
    }

    /// The same server with another clock.
    #[must_use]
    pub fn with_clock(
        mut self,
        clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static,
    ) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Serves one client over this process's standard input and output, until the client closes.
    ///
    /// # Errors
    ///
    /// [`DemoError::Session`] when the client does not shake hands.
    pub async fn serve_stdio(self) -> Result<(), DemoError> {
        let (input, output) = rmcp::transport::io::stdio_pipes();
        self.serve_streams(input, output).await
    }

    /// Serves one client over any pair of streams, until the client closes.
    ///
    /// # Errors
    ///
    /// [`DemoError::Session`] when the client does not shake hands.
    pub async fn serve_streams<R, W>(self, input: R, output: W) -> Result<(), DemoError>
    where
        R: tokio::io::AsyncRead + Send + Unpin + 'static,
        W: tokio::io::AsyncWrite + Send + Unpin + 'static,
    {
        let session = |error| DemoError::Session(error);
        let running = self
            .serve((input, output))
            .await
            .map_err(|error| session(error.into()))?;
        running
            .waiting()
            .await
            .map_err(|error| session(error.into()))?;
        Ok(())
    }
}

impl fmt::Debug for DemoServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DemoServer")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the demo's only look at the system's clock; a caller can hand in another"
)]
fn system_time() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Name {
    /// Name of the note or file.
    name: String,
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Written {
    /// Name of the note or file.
    name: String,
    /// Its new text.
    text: String,
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Text {
    /// The text to work on.
    text: String,
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Steps {
    /// How many steps to take, at most 1000.
    steps: u16,
}

#[tool_router]
impl DemoServer {
    /// Tell the time, in UTC.
    #[tool(annotations(read_only_hint = true))]
    fn now(&self) -> Result<String, String> {
        (self.clock)()
            .format(&Rfc3339)
            .map_err(|error| error.to_string())
    }

    /// Read a note.
    #[tool(annotations(read_only_hint = true))]
    fn read_note(&self, Parameters(Name { name }): Parameters<Name>) -> Result<String, String> {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let note = notes.get(&name).cloned();
        note.ok_or_else(|| format!("there is no note `{name}`"))
    }

    /// Write a note, in place of an older one of that name.
    #[tool]
    fn write_note(&self, Parameters(Written { name, text }): Parameters<Written>) -> String {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let said = format!("wrote note `{name}`");
        notes.insert(name, text);
        said
    }

    /// List the files of the folder.
    #[tool(annotations(read_only_hint = true))]
    fn list_files(&self) -> Result<String, String> {
        let names = self.folder.list().map_err(|error| error.to_string())?;
        Ok(names.join("\n"))
    }

    /// Read a file of the folder.
    #[tool(annotations(read_only_hint = true))]
    fn read_file(&self, Parameters(Name { name }): Parameters<Name>) -> Result<String, String> {
        self.folder
            .read(&name)
            .map_err(|error| format!("cannot read `{name}`: {error}"))
    }

    /// Write a file of the folder.
    #[tool]
    fn write_file(
        &self,
        Parameters(Written { name, text }): Parameters<Written>,
    ) -> Result<String, String> {
        self.folder
            .write(&name, &text)
            .map_err(|error| format!("cannot write `{name}`: {error}"))?;
        Ok(format!("wrote file `{name}`"))
    }

    /// Delete a file of the folder. There is no way back.
    #[tool(annotations(destructive_hint = true))]
    fn delete_file(&self, Parameters(Name { name }): Parameters<Name>) -> Result<String, String> {
        self.folder
            .delete(&name)
            .map_err(|error| format!("cannot delete `{name}`: {error}"))?;
        Ok(format!("deleted file `{name}`"))
    }

    /// Read the user's profile: personal data.
    #[tool(annotations(read_only_hint = true))]
    fn read_profile() -> String {
        json!({ "language": "en", "city": "Lisbon", "newsletter": false }).to_string()
    }

    /// Shorten a text to its first sentence. Reports what that used.
    #[tool(annotations(read_only_hint = true))]
    fn summarise(Parameters(Text { text }): Parameters<Text>) -> CallToolResult {
        let sentence = text
            .split_inclusive(['.', '!', '?'])
            .next()
            .unwrap_or_default();
        // A fixed price for the asking, then a token for every four characters; 20 millionths of a dollar a token.
        let tokens = text.chars().count().div_ceil(4).saturating_add(500);
        let micros = tokens.saturating_mul(20);
        let (dollars, millionths) = (micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000));
        let mut meta = MetaObject::new();
        meta.0.insert(
            "aumos/usage".to_owned(),
            json!({ "tokens": tokens, "cost_usd": format!("{dollars}.{millionths:06}") }),
        );
        let mut result = CallToolResult::success(vec![ContentBlock::text(sentence.trim())]);
        result.meta = Some(meta);
        result
    }

    /// Count slowly, with a progress notification for each step.
    #[tool(annotations(read_only_hint = true))]
    async fn slow(
        &self,
        Parameters(Steps { steps }): Parameters<Steps>,
        meta: RequestMetaObject,
        client: Peer<RoleServer>,
        context: RequestContext<RoleServer>,
    ) -> Result<String, String> {
        let steps = steps.min(1000);
        for step in 1..=steps {
            tokio::select! {
                () = context.ct.cancelled() => return Err(format!("cancelled before step {step}")),
                () = tokio::time::sleep(Duration::from_millis(STEP)) => {}
            }
            if let Some(token) = meta.get_progress_token() {
                let progress = ProgressNotificationParam::new(token, f64::from(step))
                    .with_total(f64::from(steps));
                client
                    .notify_progress(progress)
                    .await
                    .map_err(|error| error.to_string())?;
            }
        }
        Ok(format!("took {steps} steps"))
    }
}

#[tool_handler(
    name = "secstack-demo",
    instructions = "A demonstration server: notes, files of one folder, the time."
)]
impl ServerHandler for DemoServer {}
