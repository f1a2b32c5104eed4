//! Setting up a client: whose API, at which address, at which prices.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{ClientBuilder, Url};
use rustls::ClientConfig;
use security_bundle::Guard;
use security_bundle::budget_enforcer::PriceTable;
use serde_json::Value;

use crate::client::{GovernedHttp, Inner};
use crate::error::LlmError;
use crate::plan::Terms;

/// The most bytes of an answer: embeddings of a long list come to some megabytes.
const MAX_RESPONSE: usize = 64 << 20;
/// The most bytes of an event: the last event of Responses repeats the whole answer.
const MAX_EVENT: usize = 16 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest that a provider may say nothing: models think for minutes.
const READ_TIMEOUT: Duration = Duration::from_secs(600);

/// Sets up a [`GovernedHttp`]. The first thing that is wrong is told by [`build`](Self::build).
#[must_use = "a client is there only after `build`"]
pub struct GovernedHttpBuilder {
    guard: Guard,
    terms: Terms,
    auth: Auth,
    base_url: String,
    key: Option<String>,
    headers: Vec<(String, String)>,
    http: Option<Box<dyn FnOnce(ClientBuilder) -> ClientBuilder + Send>>,
    allow_plain_http: bool,
    max_response: usize,
    max_event: usize,
}

/// How a provider wants to be told the key.
#[derive(Debug, Clone, Copy)]
enum Auth {
    Bearer,
    XApiKey,
}

impl GovernedHttpBuilder {
    pub(crate) fn openai(guard: Guard, prices: impl Into<Arc<PriceTable>>) -> Self {
        let base = "https://api.openai.com/v1";
        Self::new(guard, Terms::openai(prices), Auth::Bearer, base)
    }

    pub(crate) fn anthropic(guard: Guard, prices: impl Into<Arc<PriceTable>>) -> Self {
        let base = "https://api.anthropic.com";
        Self::new(guard, Terms::anthropic(prices), Auth::XApiKey, base)
            .header("anthropic-version", "2023-06-01")
    }

    fn new(guard: Guard, terms: Terms, auth: Auth, base: &str) -> Self {
        Self {
            guard,
            terms,
            auth,
            base_url: base.to_owned(),
            key: None,
            headers: Vec::new(),
            http: None,
            allow_plain_http: false,
            max_response: MAX_RESPONSE,
            max_event: MAX_EVENT,
        }
    }

    /// Where the API is, in place of the provider's own address: `https://api.openai.com/v1`, with the version, for the OpenAI shape;
    /// `https://api.anthropic.com`, without one, for Anthropic's.
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// The key of the API. It is shown in no `Debug` and no error.
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Under which provider's name the price table has the models. Default: `openai` or `anthropic`.
    pub fn provider(mut self, name: impl Into<String>) -> Self {
        self.terms = self.terms.provider(name);
        self
    }

    /// A header for every request, in place of any of the same name.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// What is different about the HTTP client: proxies, timeouts (by default 10 seconds to connect and 10 minutes of silence), or other
    /// roots than Mozilla's, with `tls_backend_preconfigured`. Redirects are not followed and nothing is sent twice, whatever is set here:
    /// a key must not go elsewhere, and a copy of a request is paid for as well.
    pub fn http(
        mut self,
        change: impl FnOnce(ClientBuilder) -> ClientBuilder + Send + 'static,
    ) -> Self {
        self.http = Some(Box::new(change));
        self
    }

    /// Who bounds the input tokens of a request, in place of its bytes. It must never say too few, and is believed about images and files
    /// too; `None` leaves the request to its bytes.
    pub fn count_input(
        mut self,
        count: impl Fn(&Value) -> Option<u64> + Send + Sync + 'static,
    ) -> Self {
        self.terms = self.terms.count_input(count);
        self
    }

    /// The output of requests that say nothing about it, in tokens for each answer. Default: the most that the model can give.
    pub fn default_max_output(mut self, tokens: u64) -> Self {
        self.terms = self.terms.default_max_output(tokens);
        self
    }

    /// Bounds the output of Chat Completions by `max_tokens`, for servers that do not know `max_completion_tokens`.
    pub fn legacy_max_tokens(mut self) -> Self {
        self.terms = self.terms.legacy_max_tokens();
        self
    }

    /// Allows an address without TLS that is not this machine's own. The key and the prompts can be read on the way.
    pub fn allow_plain_http(mut self) -> Self {
        self.allow_plain_http = true;
        self
    }

    /// The most bytes of a whole answer. Default: 64 MiB.
    pub fn max_response_bytes(mut self, bytes: usize) -> Self {
        self.max_response = bytes;
        self
    }

    /// The most bytes of one event of a stream. Default: 16 MiB.
    pub fn max_event_bytes(mut self, bytes: usize) -> Self {
        self.max_event = bytes;
        self
    }

    /// The client. Connects to nothing yet.
    ///
    /// # Errors
    /// [`LlmError::Setup`]: an address, a key or a header that cannot be used.
    pub fn build(self) -> Result<GovernedHttp, LlmError> {
        let base_url = self.checked_base()?;
        let mut headers = HeaderMap::new();
        if let Some(key) = &self.key {
            let (name, value) = match self.auth {
                Auth::Bearer => ("authorization", format!("Bearer {key}")),
                Auth::XApiKey => ("x-api-key", key.clone()),
            };
            let mut value = HeaderValue::try_from(value)
                .map_err(|_| setup("the key holds what no header can"))?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(name), value);
        }
        for (name, value) in &self.headers {
            let unusable = || setup(format!("`{}` is no usable header", name.escape_debug()));
            let name = HeaderName::try_from(name).map_err(|_| unusable())?;
            let value = HeaderValue::try_from(value).map_err(|_| unusable())?;
            headers.insert(name, value);
        }
        let http = ClientBuilder::new()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .tls_backend_preconfigured(tls()?);
        let http = match self.http {
            Some(change) => change(http),
            None => http,
        };
        let http = http
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .build()
            .map_err(|error| setup(error.without_url()))?;
        Ok(GovernedHttp::new(Inner {
            guard: self.guard,
            terms: self.terms,
            http,
            base_url,
            headers,
            max_response: self.max_response,
            max_event: self.max_event,
        }))
    }

    fn checked_base(&self) -> Result<String, LlmError> {
        let base = self.base_url.trim_end_matches('/');
        let url = Url::parse(base).map_err(|error| setup(format!("the base URL: {error}")))?;
        let is_here = match url.host_str() {
            Some(host) => {
                let host = host.trim_matches(['[', ']']);
                let is_loopback = |ip: std::net::IpAddr| ip.is_loopback();
                host == "localhost" || host.parse().is_ok_and(is_loopback)
            }
            None => false,
        };
        match url.scheme() {
            "https" => {}
            "http" if is_here || self.allow_plain_http => {}
            "http" => {
                return Err(setup(
                    "the base URL has no TLS: use https, or `allow_plain_http`",
                ));
            }
            _ => return Err(setup("the base URL is neither https nor http")),
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
            return Err(setup(
                "the base URL has a query, a fragment or a user: leave them out",
            ));
        }
        Ok(base.to_owned())
    }
}

/// The roots of Mozilla's programme, and the cryptography that the other crates use.
fn tls() -> Result<ClientConfig, LlmError> {
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(setup)?
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn setup(why: impl fmt::Display) -> LlmError {
    LlmError::Setup(why.to_string())
}

impl fmt::Debug for GovernedHttpBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GovernedHttpBuilder")
            .field("base_url", &self.base_url)
            .field("terms", &self.terms)
            .finish_non_exhaustive()
    }
}
