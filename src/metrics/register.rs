//! Creates families of metrics, and registers them.

use std::{fmt, marker::PhantomData};

use prometheus::{
    Error, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

use super::labels::Label;

/// One counter for each value of a label. All of them are exported from the start, so that a rate
/// is known from the first event on.
pub struct Counters<L> {
    counters: Vec<IntCounter>,
    label: PhantomData<L>,
}

impl<L: Label> Counters<L> {
    pub(super) fn of(family: &IntCounterVec, other_labels: &[&str]) -> Result<Self, Error> {
        let counter = |value: &&str| {
            let values: Vec<_> = other_labels.iter().chain([value]).copied().collect();
            family.get_metric_with_label_values(&values)
        };
        Ok(Self {
            counters: L::VALUES.iter().map(counter).collect::<Result<_, _>>()?,
            label: PhantomData,
        })
    }

    /// Adds one to the counter of this value.
    #[inline]
    pub fn increment(&self, value: L) {
        if let Some(counter) = self.counters.get(value.index()) {
            counter.inc();
        }
    }
}

impl<L> fmt::Debug for Counters<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counters").finish_non_exhaustive()
    }
}

/// Creates and registers families.
pub(super) struct Families(pub Registry);

impl Families {
    /// The figures of the process, and the version.
    pub(super) fn process(&self) -> Result<(), Error> {
        #[cfg(target_os = "linux")]
        self.0.register(Box::new(
            prometheus::process_collector::ProcessCollector::for_self(),
        ))?;
        self.gauges("sessiond_build_info", "1, with the version.", &["version"])?
            .get_metric_with_label_values(&[env!("CARGO_PKG_VERSION")])?
            .set(1);
        Ok(())
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> Result<IntCounter, Error> {
        let counter = IntCounter::new(name, help)?;
        self.0.register(Box::new(counter.clone()))?;
        Ok(counter)
    }

    pub(super) fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, Error> {
        let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(counters.clone()))?;
        Ok(counters)
    }

    /// Counters of a label, of which these values are exported from the start.
    pub(super) fn counters_with(
        &self,
        name: &str,
        help: &str,
        (label, values): (&str, &[&str]),
    ) -> Result<IntCounterVec, Error> {
        let counters = self.counters(name, help, &[label])?;
        for value in values {
            counters.get_metric_with_label_values(&[value])?;
        }
        Ok(counters)
    }

    pub(super) fn counters_by<L: Label>(
        &self,
        name: &str,
        help: &str,
    ) -> Result<Counters<L>, Error> {
        Counters::of(&self.counters(name, help, &[L::NAME])?, &[])
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, Error> {
        let gauge = IntGauge::new(name, help)?;
        self.0.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }

    pub(super) fn float_gauge(&self, name: &str, help: &str) -> Result<Gauge, Error> {
        let gauge = Gauge::new(name, help)?;
        self.0.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }

    pub(super) fn gauges(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntGaugeVec, Error> {
        let gauges = IntGaugeVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(gauges.clone()))?;
        Ok(gauges)
    }

    pub(super) fn gauges_by<L: Label>(
        &self,
        name: &str,
        help: &str,
    ) -> Result<Vec<IntGauge>, Error> {
        let gauges = self.gauges(name, help, &[L::NAME])?;
        let values = L::VALUES.iter();
        values
            .map(|value| gauges.get_metric_with_label_values(&[value]))
            .collect()
    }

    pub(super) fn histogram(
        &self,
        name: &str,
        help: &str,
        buckets: &[f64],
    ) -> Result<Histogram, Error> {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        let histogram = Histogram::with_opts(options)?;
        self.0.register(Box::new(histogram.clone()))?;
        Ok(histogram)
    }

    pub(super) fn histograms_by<L: Label>(
        &self,
        name: &str,
        help: &str,
        buckets: &[f64],
    ) -> Result<Vec<Histogram>, Error> {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        let histograms = HistogramVec::new(options, &[L::NAME])?;
        self.0.register(Box::new(histograms.clone()))?;
        let values = L::VALUES.iter();
        values
            .map(|value| histograms.get_metric_with_label_values(&[value]))
            .collect()
    }
}
