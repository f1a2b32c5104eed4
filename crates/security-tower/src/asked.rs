//! What a request asks for: the one thing about it that only its application knows.

use http::HeaderValue;
use http::request::Parts;
use security_bundle::{Action, ActionError, Guard};

/// Says which action a request is, and whether its caller is known.
///
/// Closures implement it. It is asked before anything of the request runs, and it sees the request's head only; an action
/// that depends on the body takes it from [`CollectedBody`](crate::CollectedBody).
///
/// ```
/// use http::request::Parts;
/// use security_bundle::Guard;
/// use security_tower::{Asked, NotAnAction, RequestToAction};
///
/// // The path's last part is the tool. Nobody has looked who is calling, so a denial tells no more than its code.
/// fn by_path(guard: &Guard, request: &Parts) -> Result<Asked, NotAnAction> {
///     let tool = request.uri.path().strip_prefix("/tools/").ok_or_else(NotAnAction::unknown)?;
///     Ok(Asked::by_anyone(guard.action("web").session("s-1").tool(tool).build()?))
/// }
/// fn is_one(_: impl RequestToAction) {}
/// is_one(by_path);
/// ```
pub trait RequestToAction: Send + Sync + 'static {
    /// The action that this request is.
    ///
    /// Must not block: it is called on the thread that serves the request.
    ///
    /// # Errors
    /// [`NotAnAction`], and the caller is answered so. Nothing was decided or recorded.
    fn asked(&self, guard: &Guard, request: &Parts) -> Result<Asked, NotAnAction>;
}

impl<F> RequestToAction for F
where
    F: Fn(&Guard, &Parts) -> Result<Asked, NotAnAction> + Send + Sync + 'static,
{
    fn asked(&self, guard: &Guard, request: &Parts) -> Result<Asked, NotAnAction> {
        self(guard, request)
    }
}

/// Whether somebody has found out who is calling. It decides what a denial tells, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "between knowing and not knowing there is nothing"
)]
pub enum Caller {
    /// Nobody knows who this is: a denial tells its code and nothing more.
    Unauthenticated,
    /// A credential was verified: a denial tells its reason, and the record to ask an operator about.
    Authenticated,
}

/// An action, and whether the one who asks for it is known.
#[derive(Debug, Clone)]
#[must_use = "an action that nobody judges governs nothing"]
pub struct Asked {
    pub(crate) action: Action,
    pub(crate) caller: Caller,
}

impl Asked {
    /// Asked for by somebody whose credential was verified.
    pub fn by_authenticated(action: Action) -> Self {
        Self {
            action,
            caller: Caller::Authenticated,
        }
    }

    /// Asked for by whoever it may be. The action is judged all the same, as that of the agent that it names.
    pub fn by_anyone(action: Action) -> Self {
        Self {
            action,
            caller: Caller::Unauthenticated,
        }
    }
}

/// Why a request is no action. It does not reach the service.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{why}")]
pub struct NotAnAction {
    pub(crate) why: Why,
    pub(crate) caller: Caller,
}

#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Why {
    #[error("the caller has to say who it is")]
    Unauthenticated(HeaderValue),
    #[error("there is no such tool")]
    Unknown,
    #[error("{0}")]
    Invalid(String),
}

impl NotAnAction {
    /// The caller has to present a credential, or another one: 401 with the challenge `Bearer`.
    #[must_use]
    pub fn unauthenticated() -> Self {
        Self::unauthenticated_with(HeaderValue::from_static("Bearer"))
    }

    /// The same with a challenge of your own for `WWW-Authenticate` (RFC 9110, section 11.6.1).
    #[must_use]
    pub fn unauthenticated_with(challenge: HeaderValue) -> Self {
        Self {
            why: Why::Unauthenticated(challenge),
            caller: Caller::Unauthenticated,
        }
    }

    /// No action answers to this request: 404, told exactly as a tool that is hidden from the agent.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            why: Why::Unknown,
            caller: Caller::Unauthenticated,
        }
    }

    /// The request names something that no gate could judge: 400. What it was is told only to callers that are known: see
    /// [`told_to`](Self::told_to).
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "so that `map_err` takes it as it is"
    )]
    pub fn invalid(problem: impl ToString) -> Self {
        Self {
            why: Why::Invalid(problem.to_string()),
            caller: Caller::Unauthenticated,
        }
    }

    /// Who is told of it. Unauthenticated unless this says otherwise.
    #[must_use]
    pub fn told_to(mut self, caller: Caller) -> Self {
        self.caller = caller;
        self
    }
}

impl From<ActionError> for NotAnAction {
    fn from(error: ActionError) -> Self {
        Self::invalid(error)
    }
}
