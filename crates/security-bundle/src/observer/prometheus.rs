//! Counts and gauges as the text that Prometheus reads.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::config::SecurityStackConfig;
use crate::observer::labels::{DECISION_BUCKETS, Labels, OF_BUDGETS, PERMIT_BUCKETS};
use crate::observer::units::reason;
use crate::observer::{Asked, DecisionSeen, EndSeen, Gauges, Observer};

/// An [`Observer`] that counts, and writes what it has counted in the `OpenMetrics` text format, which Prometheus and everything like it
/// reads. Clones are handles to the same counts. For one stack: the gauges are those of the stack that was made last.
///
/// Names, units and labels stand in docs/observability.md. However many agents, sessions and tools there are, the number of series stays
/// bounded: agents and sessions are no labels, a tool counts under the configured rule that names it, and budgets are those of the configuration.
///
/// ```
/// use security_bundle::{Metrics, SecurityStack, SecurityStackConfig};
///
/// let config = SecurityStackConfig::default();
/// let metrics = Metrics::new(&config);
/// let stack = SecurityStack::builder(config).observer(metrics.clone()).build()?;
/// let action = stack.action("my-agent").tool("erase").build()?;
/// assert!(!stack.evaluate_sync(&action).allowed());
/// let counted = r#"secstack_decisions_total{asked="evaluate",outcome="deny",reason="unknown_tool",tool="other"} 1"#;
/// assert!(metrics.render().contains(counted));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    labels: Arc<Labels>,
    registry: Registry,
    decisions: Family<Decided, Counter>,
    deciding: Family<Asking, Histogram, fn() -> Histogram>,
    running: Family<Ended, Histogram, fn() -> Histogram>,
    permits: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Decided {
    asked: &'static str,
    outcome: &'static str,
    reason: String,
    tool: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asking {
    asked: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    ending: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Window {
    budget: String,
    dimension: &'static str,
    period: String,
}

impl Metrics {
    /// The media type of what [`render`](Self::render) writes.
    pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// Counts for a stack that is made from this configuration.
    #[must_use]
    pub fn new(config: &SecurityStackConfig) -> Self {
        let labels = Arc::new(Labels::new(config));
        let mut registry = Registry::with_prefix("secstack");
        let decisions = Family::default();
        let deciding = Family::new_with_constructor(histogram_of_decisions as fn() -> Histogram);
        let running = Family::new_with_constructor(histogram_of_permits as fn() -> Histogram);
        let permits = Gauge::default();
        registry.register(
            "decisions",
            "Questions that were answered",
            decisions.clone(),
        );
        registry.register_with_unit(
            "decision_duration",
            "From the question to the answer, waiting for the log included",
            Unit::Seconds,
            deciding.clone(),
        );
        registry.register_with_unit(
            "permit_duration",
            "From the permit to the end of what it permitted",
            Unit::Seconds,
            running.clone(),
        );
        registry.register(
            "permits_open",
            "Permitted actions that have not ended, with what is reserved for them",
            permits.clone(),
        );
        registry.register_collector(Box::new(Scrape(Arc::clone(&labels))));
        Self(Arc::new(Inner {
            labels,
            registry,
            decisions,
            deciding,
            running,
            permits,
        }))
    }

    /// Everything that was counted, and the gauges as they are now. Locks all budgets for as long as it takes to copy their figures.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        match encode(&mut text, &self.0.registry) {
            Ok(()) => text,
            // Writing to a string fails nowhere; half a text must not be taken for all.
            Err(fmt::Error) => String::new(),
        }
    }
}

impl Observer for Metrics {
    fn attached(&self, gauges: Gauges) {
        self.0.labels.attach(gauges);
    }

    fn decided(&self, seen: &DecisionSeen<'_>) {
        let asked = seen.asked.as_str();
        let outcome = seen.decision.outcome().as_str();
        let decided = Decided {
            asked,
            outcome,
            reason: reason(seen.decision).to_owned(),
            tool: Arc::clone(self.0.labels.tool(seen.action)),
        };
        self.0.decisions.get_or_create(&decided).inc();
        let asking = Asking { asked, outcome };
        let deciding = self.0.deciding.get_or_create(&asking);
        deciding.observe(seen.took.as_secs_f64());
        if seen.asked == Asked::Authorize && seen.decision.allowed() {
            self.0.permits.inc();
        }
    }

    fn ended(&self, seen: &EndSeen<'_>) {
        let ending = seen.ending;
        let running = self.0.running.get_or_create(&Ended { ending });
        running.observe(seen.ran.as_secs_f64());
        self.0.permits.dec();
    }
}

fn histogram_of_decisions() -> Histogram {
    Histogram::new(DECISION_BUCKETS)
}

fn histogram_of_permits() -> Histogram {
    Histogram::new(PERMIT_BUCKETS)
}

/// What is read off the stack when somebody asks.
#[derive(Debug)]
struct Scrape(Arc<Labels>);

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(readings) = self.0.read() else {
            return Ok(());
        };
        let rows = self.0.budgets(&readings);
        for (name, help, figure) in OF_BUDGETS {
            let name = format!("budget_{name}");
            let help = format!("{help}.");
            let mut family = encoder.encode_descriptor(&name, &help, None, MetricType::Gauge)?;
            for row in &rows {
                let Some(figure) = figure(row) else {
                    continue;
                };
                let labels = Window {
                    budget: row.budget.clone(),
                    dimension: row.dimension,
                    period: row.period.clone(),
                };
                ConstGauge::new(figure).encode(family.encode_family(&labels)?)?;
            }
        }
        let sessions = u64::try_from(readings.sessions).unwrap_or(u64::MAX);
        let figures = [
            ("sessions", "Sessions with a budget.", Some(sessions)),
            (
                "audit_backlog",
                "Audit entries that are not stored yet.",
                readings.audit_backlog,
            ),
        ];
        for (name, help, figure) in figures {
            let Some(figure) = figure else {
                continue;
            };
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(figure).encode(metric)?;
        }
        let help = "Audit entries that the log did not take.";
        let metric = encoder.encode_descriptor("audit_lost", help, None, MetricType::Counter)?;
        ConstCounter::new(readings.losses).encode(metric)
    }
}
