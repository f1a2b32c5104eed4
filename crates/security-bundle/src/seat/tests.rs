//! Who joined an owner that is there and does not answer: its disk hangs, or its answer comes too late.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use audit_trail::{AuditReader, Kind};
use serde_json::value::RawValue;
use tempfile::TempDir;

use super::desk::Desk;
use super::service::{Door, Joined};
use super::{OperatorLine, Seat, socket_of};
use crate::control::{Hello, Peer, Refusal, Server, Service};
use crate::faults::{Fault, Faulty, Plan};
use crate::{Denied, Permit, SecurityStack, SecurityStackConfig};

const CALLS: usize = 10;
const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(60);

pub(super) fn config(directory: &Path) -> SecurityStackConfig {
    let mut config = SecurityStackConfig::from_toml_str(
        r#"
        [[trust.assignments]]
        agent = "bot"
        level = "L4"
        assigned_by = "ops@example.com"

        [[trust.tools]]
        tool = "read_*"
        required_level = "L1"
        effect = "read_public"

        [[budget.budgets]]
        id = "shared"
        calls = 10
        period = "lifetime"

        [[budget.tools]]
        tool = "*"
        budget = "shared"
        "#,
    )
    .unwrap();
    config.data_dir = Some(directory.to_owned());
    config
}

/// An owner whose log fails as it is told to, and one that joined it.
struct Place {
    joined: Seat,
    plan: Arc<Plan>,
    is_closing: Arc<AtomicBool>,
    server: Server,
    dir: TempDir,
}

fn place<S: Service>(service: impl FnOnce(Door) -> S) -> Place {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path());
    let plan = Arc::<Plan>::default();
    let through = Arc::clone(&plan);
    let stack = SecurityStack::builder(config.clone())
        .recording_through(|log| Arc::new(Faulty { log, plan: through }))
        .build()
        .unwrap();
    let is_closing = Arc::new(AtomicBool::new(false));
    let door = Door {
        desk: Arc::new(Desk::new(Arc::new(stack))),
        is_closing: Arc::clone(&is_closing),
    };
    let server = Server::bind(&socket_of(dir.path()), Arc::new(service(door))).unwrap();
    let joined = Seat::take(config).unwrap();
    assert!(!joined.is_owner());
    Place {
        joined: joined.answer_within(LONG),
        plan,
        is_closing,
        server,
        dir,
    }
}

fn call(seat: &Seat) -> Result<Permit, Denied> {
    let guard = seat.guard();
    let action = guard.action("bot").session("s").tool("read_file");
    guard.authorize_blocking(&action.build().unwrap())
}

/// All that the budget has, of an owner that answers.
fn all(seat: &Seat) -> usize {
    seat.chair.patience().set(LONG);
    let mut permits = Vec::new();
    loop {
        match call(seat) {
            Ok(permit) => permits.push(permit),
            Err(denied) => {
                assert_eq!(denied.code(), "exceeds_budget");
                break;
            }
        }
    }
    let count = permits.len();
    for permit in permits {
        permit.cancel_blocking().unwrap();
    }
    count
}

#[test]
fn an_owner_whose_disk_hangs_holds_nothing_for_those_it_does_not_answer() {
    let place = place(|door| door);
    call(&place.joined).unwrap().cancel_blocking().unwrap();
    place.plan.arm(1, Fault::Hangs);
    place.joined.chair.patience().set(SHORT);
    for _ in 0..3 {
        assert_eq!(call(&place.joined).unwrap_err().code(), "owner_silent");
    }
    // Operators are heard all the same.
    let line = OperatorLine::connect(place.dir.path(), "test").unwrap();
    let listed = serde_json::from_str(r#"{"approvals":{"list":{}}}"#).unwrap();
    drop(line.perform(&listed).unwrap());
    place.plan.release();
    assert_eq!(all(&place.joined), CALLS);
}

/// Answers one call when it is told to, which is later than anybody waits for it.
struct Late(Door, Mutex<mpsc::Receiver<()>>);

impl Service for Late {
    type Seat = Joined;

    fn join(&self, hello: Hello, peer: Peer) -> Result<Joined, Refusal> {
        self.0.join(hello, peer)
    }

    async fn handle(
        &self,
        seat: &Arc<Joined>,
        request: Box<RawValue>,
    ) -> Result<Box<RawValue>, Refusal> {
        let has = |text: &str| request.get().contains(text);
        let is_late = has("\"authorize\"") && has("\"late\"");
        let answer = self.0.handle(seat, request).await;
        if is_late {
            // With its whole thread: that nobody waits any more is read after that.
            self.1.lock().unwrap().recv().unwrap();
        }
        answer
    }

    fn stranger(&self, peer: Peer) {
        self.0.stranger(peer);
    }
}

#[test]
fn a_permit_that_comes_too_late_is_given_back() {
    let (tell, told) = mpsc::channel();
    let place = place(|door| Late(door, Mutex::new(told)));
    place.joined.chair.patience().set(SHORT);
    let guard = place.joined.guard();
    let action = guard.action("bot").session("late").tool("read_file");
    let denied = guard.authorize_blocking(&action.build().unwrap());
    assert_eq!(denied.unwrap_err().code(), "owner_silent");
    tell.send(()).unwrap();
    assert_eq!(all(&place.joined), CALLS);
}

/// Decides, and never says so.
struct Mute(Door, mpsc::Sender<()>);

impl Service for Mute {
    type Seat = Joined;

    fn join(&self, hello: Hello, peer: Peer) -> Result<Joined, Refusal> {
        self.0.join(hello, peer)
    }

    async fn handle(
        &self,
        seat: &Arc<Joined>,
        request: Box<RawValue>,
    ) -> Result<Box<RawValue>, Refusal> {
        let _answer = self.0.handle(seat, request).await;
        self.1.send(()).unwrap();
        std::future::pending().await
    }

    fn stranger(&self, peer: Peer) {
        self.0.stranger(peer);
    }
}

#[test]
fn a_call_that_the_owner_permitted_and_could_not_say_so_is_taken_up_by_the_next_one_once() {
    let (decided, is_decided) = mpsc::channel();
    let Place {
        joined,
        server,
        is_closing,
        dir,
        ..
    } = place(|door| Mute(door, decided));
    let asking = std::thread::spawn({
        let guard = joined.guard();
        let action = guard.action("bot").session("s").tool("read_file");
        let action = action.build().unwrap();
        move || guard.authorize_blocking(&action)
    });
    is_decided.recv().unwrap();
    is_closing.store(true, std::sync::atomic::Ordering::SeqCst);
    drop(server);
    let permit = asking.join().unwrap().unwrap();
    let record = permit.decision().record_id().unwrap();
    let settled = permit.settle_blocking(crate::Usage::default()).unwrap();
    assert!(settled.settlement.is_some());
    assert!(joined.is_owner());
    assert_eq!(all(&joined), CALLS - 1, "it has cost one call");
    drop(joined);
    let log = AuditReader::open(dir.path(), None).unwrap();
    let kinds: Vec<_> = log
        .get(record)
        .unwrap()
        .iter()
        .map(audit_trail::Record::kind)
        .collect();
    assert_eq!(kinds, [Kind::Decision, Kind::Outcome]);
}
