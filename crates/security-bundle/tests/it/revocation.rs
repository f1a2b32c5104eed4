//! What was taken away before the permit is out wins (rule 4), whoever is faster.

use std::sync::Arc;
use std::sync::Mutex;

use async_trait::async_trait;
use security_bundle::audit_trail::{AuditLog, Entry, Filter, Kind};
use security_bundle::trust_gate::{Scope, TrustLevel};
use security_bundle::{
    RecordError, Recorded, Recorder, SecurityStack, SecurityStackConfig, consent, trust_gate,
};

type Meanwhile = Arc<Mutex<Option<Box<dyn FnOnce() + Send>>>>;

/// Does something while an intent is being stored.
struct Slow {
    log: AuditLog,
    meanwhile: Meanwhile,
}

#[async_trait]
impl Recorder for Slow {
    fn record(&self, entry: Entry<'_>) -> Result<Recorded, RecordError> {
        Ok(Recorded {
            stored: false,
            ..self.log.record(entry)?
        })
    }

    async fn acknowledged(&self, entry: &Recorded) -> Result<(), RecordError> {
        self.wait(entry)
    }

    fn wait(&self, _: &Recorded) -> Result<(), RecordError> {
        let act = self.meanwhile.lock().unwrap().take();
        if let Some(act) = act {
            act();
        }
        Ok(())
    }
}

struct Scene {
    stack: Arc<SecurityStack>,
    log: AuditLog,
    meanwhile: Meanwhile,
}

fn scene() -> Scene {
    let log = AuditLog::builder().build().unwrap();
    let meanwhile = Meanwhile::default();
    let config = SecurityStackConfig {
        assignments: vec![trust_gate::Grant::new(
            "a".parse().unwrap(),
            TrustLevel::ActAndReport,
            "ops@example.com".parse().unwrap(),
        )],
        grants: vec![consent::Grant::new(
            "a".parse().unwrap(),
            "user".parse().unwrap(),
            "support".parse().unwrap(),
            "admin@example.com".parse().unwrap(),
        )],
        ..SecurityStackConfig::default()
    };
    let stack = SecurityStack::builder(config)
        .clock(|| crate::support::NOW)
        .audit(log.clone())
        .recorder(Slow {
            log: log.clone(),
            meanwhile: Arc::clone(&meanwhile),
        })
        .build()
        .unwrap();
    Scene {
        stack: Arc::new(stack),
        log,
        meanwhile,
    }
}

impl Scene {
    /// Authorizes an action; `act` happens after the decision and before the intent is acknowledged.
    fn authorize_while(
        &self,
        act: impl FnOnce(&SecurityStack) + Send + 'static,
    ) -> Result<security_bundle::Permit, security_bundle::Denied> {
        let action = self
            .stack
            .action("a")
            .required_level(TrustLevel::Suggest)
            .data("user.email", "support")
            .build()
            .unwrap();
        let stack = Arc::clone(&self.stack);
        *self.meanwhile.lock().unwrap() = Some(Box::new(move || act(&stack)));
        self.stack.guard().authorize_blocking(&action)
    }

    fn endings(&self) -> Vec<String> {
        self.log
            .query(&Filter::new().kind(Kind::Outcome))
            .unwrap()
            .records
            .iter()
            .map(|entry| entry.event().unwrap().to_owned())
            .collect()
    }
}

#[test]
fn a_revoke_that_was_acknowledged_before_the_permit_wins() {
    let scene = scene();
    let denied = scene
        .authorize_while(|stack| {
            let (agent, by) = ("a".parse().unwrap(), "ops@example.com".parse().unwrap());
            stack
                .admin()
                .trust()
                .revoke(&agent, &Scope::root(), &by, "incident")
                .unwrap();
        })
        .unwrap_err();
    assert_eq!(denied.code(), "revoked");
    assert_eq!(scene.endings(), ["revoked"]);
}

#[test]
fn a_withdrawal_that_was_acknowledged_before_the_permit_wins() {
    let scene = scene();
    let denied = scene
        .authorize_while(|stack| {
            let extent = consent::Extent::of_agent("a".parse().unwrap());
            drop(stack.admin().consent().withdraw(extent, None).unwrap());
        })
        .unwrap_err();
    assert_eq!(denied.code(), "revoked");
    assert_eq!(scene.endings(), ["revoked"]);
    insta::assert_snapshot!(denied, @"Withdrawn before the action could start: Agent 'a' has trust level Act (Report After) (4), which satisfies the required level Suggest (2). No valid consent record found for agent 'a' accessing 'user.email' for purpose 'support' (withdrawn at 2026-11-22T12:00:00Z). Defaulting to deny.");
}

#[test]
fn an_act_that_concerns_somebody_else_changes_nothing() {
    let scene = scene();
    let permit = scene
        .authorize_while(|stack| {
            let (agent, by) = ("b".parse().unwrap(), "ops@example.com".parse().unwrap());
            stack
                .admin()
                .trust()
                .quarantine(&agent, &Scope::root(), &by, "incident")
                .unwrap();
        })
        .unwrap();
    permit
        .settle_blocking(security_bundle::Usage::default())
        .unwrap();
    assert_eq!(scene.endings(), ["settled"]);
}
