//! What an OpenTelemetry exporter gets: the same figures under the names of the attributes.

use std::collections::BTreeMap;

use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ScopeMetrics};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use security_bundle::{OpenTelemetryMetrics, SecurityStackConfig, Usage};

use crate::support::{Answer, Bench, Fault, cost};

/// Each series with its attributes, and its value, or how many were measured.
fn exported(exporter: &InMemoryMetricExporter) -> BTreeMap<String, f64> {
    let mut series = BTreeMap::new();
    let last = exporter.get_finished_metrics().unwrap().pop().unwrap();
    for metric in last.scope_metrics().flat_map(ScopeMetrics::metrics) {
        let mut add = |attributes: Vec<String>, value: f64| {
            let name = format!(
                "{} [{}] {}",
                metric.name(),
                metric.unit(),
                attributes.join(" ")
            );
            assert!(series.insert(name, value).is_none());
        };
        macro_rules! points {
            ($data:expr) => {
                match $data {
                    MetricData::Sum(sum) => sum
                        .data_points()
                        .for_each(|point| add(pairs(point.attributes()), point.value() as f64)),
                    MetricData::Gauge(gauge) => gauge
                        .data_points()
                        .for_each(|point| add(pairs(point.attributes()), point.value() as f64)),
                    MetricData::Histogram(histogram) => histogram
                        .data_points()
                        .for_each(|point| add(pairs(point.attributes()), point.count() as f64)),
                    MetricData::ExponentialHistogram(_) => panic!("boundaries are given"),
                }
            };
        }
        match metric.data() {
            AggregatedMetrics::F64(data) => points!(data),
            AggregatedMetrics::U64(data) => points!(data),
            AggregatedMetrics::I64(data) => points!(data),
        }
    }
    series
}

fn pairs<'a>(attributes: impl Iterator<Item = &'a opentelemetry::KeyValue>) -> Vec<String> {
    let mut pairs: Vec<_> = attributes
        .map(|pair| format!("{}={}", pair.key, pair.value.as_str()))
        .collect();
    pairs.sort();
    pairs
}

#[test]
fn the_exporter_gets_counts_durations_and_gauges() {
    let exporter = InMemoryMetricExporter::default();
    let reader = PeriodicReader::builder(exporter.clone()).build();
    let meters = SdkMeterProvider::builder().with_reader(reader).build();
    let meter = meters.meter("test");
    let bench = Bench::observed(SecurityStackConfig::default(), |config, stack| {
        stack.observer(OpenTelemetryMetrics::new(&meter, config))
    });
    let guard = bench.stack.guard();
    let permit = || guard.authorize_blocking(&bench.allowed()).unwrap();
    permit().settle_blocking(cost("0.25")).unwrap();
    permit()
        .fail_blocking("it broke", Usage::default())
        .unwrap();
    let denied = bench.action(Answer::Deny, Answer::Allow, Answer::Allow);
    drop(guard.evaluate_sync(&denied));
    bench.recorder.set(Fault::Refuses);
    assert!(guard.authorize_blocking(&bench.allowed()).is_err());
    bench.recorder.set(Fault::None);
    let open = permit();

    meters.force_flush().unwrap();
    let series = exported(&exporter);
    let text: Vec<_> = series
        .iter()
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    insta::assert_snapshot!(text.join("\n"));
    drop(open);
    drop(bench);
}

#[test]
fn instruments_keep_no_stack_alive() {
    let exporter = InMemoryMetricExporter::default();
    let reader = PeriodicReader::builder(exporter.clone()).build();
    let meters = SdkMeterProvider::builder().with_reader(reader).build();
    let meter = meters.meter("test");
    let bench = Bench::observed(SecurityStackConfig::default(), |config, stack| {
        stack.observer(OpenTelemetryMetrics::new(&meter, config))
    });
    drop(bench.stack.guard().evaluate_sync(&bench.allowed()));
    drop(bench);
    meters.force_flush().unwrap();
    let series = exported(&exporter);
    assert!(
        series.keys().all(|name| name.contains(".decision")),
        "{series:?}"
    );
}
