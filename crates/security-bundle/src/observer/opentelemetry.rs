//! Counts and gauges through OpenTelemetry's meters.

use std::fmt;
use std::sync::Arc;

use ::opentelemetry::KeyValue;
use ::opentelemetry::metrics::{Counter, Histogram, Meter, UpDownCounter};

use crate::config::SecurityStackConfig;
use crate::observer::labels::{DECISION_BUCKETS, Labels, OF_BUDGETS, PERMIT_BUCKETS};
use crate::observer::units::reason;
use crate::observer::{Asked, DecisionSeen, EndSeen, Gauges, Observer, Readings};

/// An [`Observer`] that counts with the instruments of an OpenTelemetry meter. For one stack: the gauges are those of the stack that was made last.
///
/// Names, units and attributes stand in docs/observability.md. The number of attribute sets is bounded as with the text for Prometheus: agents and
/// sessions are none of them, a tool counts under the configured rule that names it, and budgets are those of the configuration.
///
/// ```
/// use security_bundle::{OpenTelemetryMetrics, SecurityStack, SecurityStackConfig};
///
/// let meters = opentelemetry_sdk::metrics::SdkMeterProvider::builder().build(); // with an exporter of yours
/// let meter = opentelemetry::metrics::MeterProvider::meter(&meters, "my-service");
/// let config = SecurityStackConfig::default();
/// let metrics = OpenTelemetryMetrics::new(&meter, &config);
/// let stack = SecurityStack::builder(config).observer(metrics).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct OpenTelemetryMetrics {
    labels: Arc<Labels>,
    decisions: Counter<u64>,
    deciding: Histogram<f64>,
    running: Histogram<f64>,
    permits: UpDownCounter<i64>,
}

impl OpenTelemetryMetrics {
    /// Makes the instruments. Those that are read when the meter's reader asks lock all budgets for as long as it takes to copy their figures.
    #[must_use]
    pub fn new(meter: &Meter, config: &SecurityStackConfig) -> Self {
        let labels = Arc::new(Labels::new(config));
        budget_gauges(meter, &labels);
        figures(meter, &labels);
        Self {
            labels,
            decisions: meter
                .u64_counter("ai.governance.decisions")
                .with_description("Questions that were answered")
                .with_unit("{decision}")
                .build(),
            deciding: meter
                .f64_histogram("ai.governance.decision.duration")
                .with_description("From the question to the answer, waiting for the log included")
                .with_unit("s")
                .with_boundaries(DECISION_BUCKETS.to_vec())
                .build(),
            running: meter
                .f64_histogram("ai.governance.permit.duration")
                .with_description("From the permit to the end of what it permitted")
                .with_unit("s")
                .with_boundaries(PERMIT_BUCKETS.to_vec())
                .build(),
            permits: meter
                .i64_up_down_counter("ai.governance.permits.open")
                .with_description("Permitted actions that have not ended")
                .with_unit("{permit}")
                .build(),
        }
    }
}

impl fmt::Debug for OpenTelemetryMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenTelemetryMetrics")
            .field("labels", &self.labels)
            .finish_non_exhaustive()
    }
}

impl Observer for OpenTelemetryMetrics {
    fn attached(&self, gauges: Gauges) {
        self.labels.attach(gauges);
    }

    fn decided(&self, seen: &DecisionSeen<'_>) {
        let asked = KeyValue::new("ai.governance.asked", seen.asked.as_str());
        let outcome = KeyValue::new("ai.governance.decision", seen.decision.outcome().as_str());
        self.deciding
            .record(seen.took.as_secs_f64(), &[asked.clone(), outcome.clone()]);
        let tool = Arc::clone(self.labels.tool(seen.action));
        self.decisions.add(
            1,
            &[
                asked,
                outcome,
                KeyValue::new(
                    "ai.governance.decision.reason",
                    reason(seen.decision).to_owned(),
                ),
                KeyValue::new("ai.governance.tool", tool),
            ],
        );
        if seen.asked == Asked::Authorize && seen.decision.allowed() {
            self.permits.add(1, &[]);
        }
    }

    fn ended(&self, seen: &EndSeen<'_>) {
        let ending = KeyValue::new("ai.governance.ending", seen.ending);
        self.running.record(seen.ran.as_secs_f64(), &[ending]);
        self.permits.add(-1, &[]);
    }
}

fn budget_gauges(meter: &Meter, labels: &Arc<Labels>) {
    for (name, description, figure) in OF_BUDGETS {
        let labels = Arc::clone(labels);
        meter
            .f64_observable_gauge(format!("ai.governance.budget.{name}"))
            .with_description(description)
            .with_callback(move |instrument| {
                let rows = labels.read().map(|readings| labels.budgets(&readings));
                for row in rows.unwrap_or_default() {
                    let Some(figure) = figure(&row) else {
                        continue;
                    };
                    let attributes = [
                        KeyValue::new("ai.governance.budget.id", row.budget),
                        KeyValue::new("ai.governance.budget.dimension", row.dimension),
                        KeyValue::new("ai.governance.budget.period", row.period),
                    ];
                    instrument.observe(figure, &attributes);
                }
            })
            .build();
    }
}

fn figures(meter: &Meter, labels: &Arc<Labels>) {
    let read = |figure: fn(&Readings) -> Option<u64>| {
        let labels = Arc::clone(labels);
        move || labels.read().as_ref().and_then(figure)
    };
    let sessions = read(|readings| u64::try_from(readings.sessions).ok());
    let backlog = read(|readings| readings.audit_backlog);
    let lost = read(|readings| Some(readings.losses));
    meter
        .u64_observable_gauge("ai.governance.sessions")
        .with_description("Sessions with a budget")
        .with_unit("{session}")
        .with_callback(move |instrument| {
            if let Some(sessions) = sessions() {
                instrument.observe(sessions, &[]);
            }
        })
        .build();
    meter
        .u64_observable_gauge("ai.governance.audit.backlog")
        .with_description("Audit entries that are not stored yet")
        .with_unit("{entry}")
        .with_callback(move |instrument| {
            if let Some(backlog) = backlog() {
                instrument.observe(backlog, &[]);
            }
        })
        .build();
    meter
        .u64_observable_counter("ai.governance.audit.lost")
        .with_description("Audit entries that the log did not take")
        .with_unit("{entry}")
        .with_callback(move |instrument| {
            if let Some(lost) = lost() {
                instrument.observe(lost, &[]);
            }
        })
        .build();
}
