//! What the server counts about itself, in the text format of Prometheus.
//!
//! Invariant: counting is one relaxed atomic addition (two for a time), never a lock or an allocation, except in
//! [`Metrics::answered`]; and what clients send makes no new time series beyond [`MAX_ROUTES`].
//!
//! Own code and not `prometheus-client`: its histograms take a lock for each observation, which would stand in the way of
//! every relayed message, and all that is left of it then is the text, which is the smaller half of this file.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Arc, OnceLock, PoisonError, RwLock,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use sightline_protocol::ErrorCode;

/// What a scraper is told that [`Metrics::render`] is.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Pairs of method and route that are told apart, several times as many as there are; each has some 150 bytes. Further
/// ones are counted together.
const MAX_ROUTES: usize = 128;

/// Every code the protocol has: [`ErrorCode::Other`] is the last.
const CODES: usize = ErrorCode::Other as usize + 1;

/// Upper ends of the classes of times. A relay takes microseconds and must not take 10 ms; a request to a database, or one
/// with a slow upload, takes up to a minute.
const BOUNDS: [Duration; 14] = [
    Duration::from_micros(10),
    Duration::from_micros(25),
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_millis(1),
    Duration::from_micros(2500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_secs(60),
];

/// Something that goes up and down.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicI64);

impl Gauge {
    pub(crate) fn set(&self, value: usize) {
        self.0.store(i64::try_from(value).unwrap_or(i64::MAX), Relaxed);
    }

    pub(crate) fn add(&self, count: usize) {
        self.0.fetch_add(i64::try_from(count).unwrap_or(i64::MAX), Relaxed);
    }

    pub(crate) fn subtract(&self, count: usize) {
        self.0.fetch_sub(i64::try_from(count).unwrap_or(i64::MAX), Relaxed);
    }
}

/// Times in classes.
#[derive(Debug, Default)]
struct Histogram {
    /// One for each of [`BOUNDS`], and the last for what is longer.
    classes: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

impl Histogram {
    fn observe(&self, time: Duration) {
        let class = BOUNDS.partition_point(|bound| *bound < time);
        self.classes[class].fetch_add(1, Relaxed);
        self.nanoseconds.fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// `labels` are written as in `{route="/ws"}` without the braces.
    fn render(&self, name: &str, labels: &str, out: &mut String) {
        let comma = if labels.is_empty() { "" } else { "," };
        let mut count = 0;
        for (class, counted) in self.classes.iter().enumerate() {
            count += counted.load(Relaxed);
            let bound = BOUNDS.get(class).map_or_else(|| "+Inf".to_owned(), |bound| bound.as_secs_f64().to_string());
            line(out, format_args!("{name}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}"));
        }
        let braced = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let seconds = Duration::from_nanos(self.nanoseconds.load(Relaxed)).as_secs_f64();
        line(out, format_args!("{name}_sum{braced} {seconds}"));
        line(out, format_args!("{name}_count{braced} {count}"));
    }
}

/// Refusals with one code. The code is written down with the first of them.
#[derive(Debug, Default)]
struct Refused {
    code: OnceLock<&'static str>,
    count: AtomicU64,
}

/// A method and what it was asked of.
type Route = (&'static str, Box<str>);

/// Everything that is counted, for as long as the process runs.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// Rooms at the moment.
    pub(crate) rooms: Gauge,
    /// Members of rooms at the moment, those who are away among them.
    pub(crate) participants: Gauge,
    /// WebSockets at the moment.
    pub(crate) connections: Gauge,
    /// Commands that wait for the hub.
    pub(crate) hub_queue: Gauge,
    /// Messages that wait to be written, of all connections together.
    pub(crate) outgoing_queue: Gauge,
    joins: AtomicU64,
    refused: [Refused; CODES],
    relay: Histogram,
    routes: RwLock<BTreeMap<Route, Arc<Histogram>>>,
    other_routes: Histogram,
    upload_rows: AtomicU64,
    upload_batches: AtomicU64,
    store_errors: AtomicU64,
}

impl Metrics {
    /// Somebody came into a room.
    pub(crate) fn joined(&self) {
        self.joins.fetch_add(1, Relaxed);
    }

    /// A message or a request was refused.
    pub(crate) fn refused(&self, code: ErrorCode) {
        if let Some(refused) = self.refused.get(code as usize) {
            refused.code.get_or_init(|| code.as_str());
            refused.count.fetch_add(1, Relaxed);
        }
    }

    /// A message was put into an outgoing queue, so long after it was read.
    pub(crate) fn relayed(&self, time: Duration) {
        self.relay.observe(time);
    }

    /// A batch of `rows` was taken up. One that was there already is none.
    pub(crate) fn uploaded(&self, rows: usize) {
        self.upload_batches.fetch_add(1, Relaxed);
        self.upload_rows.fetch_add(rows as u64, Relaxed);
    }

    /// The database could not be written or read.
    pub(crate) fn store_failed(&self) {
        self.store_errors.fetch_add(1, Relaxed);
    }

    /// A request to this route (as in `/rooms/{code}`; none for an unknown path) was answered after so long.
    pub(crate) fn answered(&self, method: &str, route: Option<&str>, time: Duration) {
        // A client may invent methods.
        let known = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
        let method = known.into_iter().find(|known| *known == method).unwrap_or("other");
        let key: Route = (method, Box::from(route.unwrap_or("unknown")));
        let known = self.routes.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        let histogram = known.or_else(|| {
            let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
            if routes.len() >= MAX_ROUTES && !routes.contains_key(&key) {
                return None;
            }
            Some(routes.entry(key).or_default().clone())
        });
        histogram.as_deref().unwrap_or(&self.other_routes).observe(time);
    }

    /// All of it as text: Prometheus' exposition format 0.0.4.
    pub(crate) fn render(&self) -> String {
        let mut text = String::new();
        let out = &mut text;
        for (name, help, gauge) in [
            ("sightline_rooms", "Rooms at the moment.", &self.rooms),
            ("sightline_participants", "Members of rooms, those who are away among them.", &self.participants),
            ("sightline_connections", "WebSockets at the moment.", &self.connections),
            ("sightline_hub_queue", "Commands that wait for the hub.", &self.hub_queue),
            ("sightline_outgoing_queue", "Messages that wait to be written to clients.", &self.outgoing_queue),
        ] {
            head(out, name, "gauge", help);
            line(out, format_args!("{name} {}", gauge.0.load(Relaxed)));
        }
        let relayed: u64 = self.relay.classes.iter().map(|class| class.load(Relaxed)).sum();
        for (name, help, count) in [
            ("sightline_joins_total", "Joins of rooms.", self.joins.load(Relaxed)),
            ("sightline_relayed_messages_total", "Messages put into a member's outgoing queue.", relayed),
            ("sightline_upload_batches_total", "Batches of call records taken up.", self.upload_batches.load(Relaxed)),
            ("sightline_upload_rows_total", "Rows of call records taken up.", self.upload_rows.load(Relaxed)),
            ("sightline_store_errors_total", "Times that the database failed.", self.store_errors.load(Relaxed)),
        ] {
            head(out, name, "counter", help);
            line(out, format_args!("{name} {count}"));
        }
        let name = "sightline_rejected_total";
        head(out, name, "counter", "Messages and requests refused, by the code of PROTOCOL.md.");
        for refused in &self.refused {
            if let Some(code) = refused.code.get() {
                line(out, format_args!("{name}{{code=\"{code}\"}} {}", refused.count.load(Relaxed)));
            }
        }
        let name = "sightline_relay_seconds";
        head(out, name, "histogram", "From a message that was read to the same in an outgoing queue.");
        self.relay.render(name, "", out);
        self.render_routes(out);
        text
    }

    fn render_routes(&self, out: &mut String) {
        let name = "sightline_http_request_seconds";
        head(out, name, "histogram", "From the head of a request to the head of its answer.");
        for ((method, route), histogram) in self.routes.read().unwrap_or_else(PoisonError::into_inner).iter() {
            // Routes are our own, but the format's escapes cost nothing.
            let route = route.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
            histogram.render(name, &format!("method=\"{method}\",route=\"{route}\""), out);
        }
        if self.other_routes.classes.iter().any(|class| class.load(Relaxed) > 0) {
            self.other_routes.render(name, "method=\"other\",route=\"other\"", out);
        }
    }
}

/// Middleware that counts every answer of a router.
pub(crate) async fn measure(State(metrics): State<Arc<Metrics>>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    metrics.answered(method.as_str(), route.as_ref().map(MatchedPath::as_str), begun.elapsed());
    response
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    line(out, format_args!("# HELP {name} {help}"));
    line(out, format_args!("# TYPE {name} {kind}"));
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    writeln!(out, "{text}").ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of one time series.
    fn value(text: &str, series: &str) -> f64 {
        let found = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("no {series} in\n{text}")).parse().expect("a number")
    }

    #[test]
    fn what_happens_is_counted() {
        let metrics = Metrics::default();
        metrics.rooms.set(7);
        metrics.participants.add(5);
        metrics.participants.subtract(2);
        metrics.joined();
        metrics.joined();
        metrics.refused(ErrorCode::TooFast);
        metrics.refused(ErrorCode::TooFast);
        metrics.refused(ErrorCode::Other);
        metrics.uploaded(40);
        metrics.uploaded(2);
        metrics.store_failed();
        let text = metrics.render();
        for (series, expected) in [
            ("sightline_rooms", 7.0),
            ("sightline_participants", 3.0),
            ("sightline_connections", 0.0),
            ("sightline_joins_total", 2.0),
            ("sightline_rejected_total{code=\"too-fast\"}", 2.0),
            ("sightline_rejected_total{code=\"other\"}", 1.0),
            ("sightline_upload_batches_total", 2.0),
            ("sightline_upload_rows_total", 42.0),
            ("sightline_store_errors_total", 1.0),
        ] {
            assert_eq!(value(&text, series), expected, "{series}");
        }
        assert!(!text.contains("room-full"), "what never happened is no series");
    }

    #[test]
    fn times_are_in_their_class_and_all_above_it() {
        let metrics = Metrics::default();
        for micros in [10, 11, 9_999, 70_000_000] {
            metrics.relayed(Duration::from_micros(micros));
        }
        let text = metrics.render();
        let class = |le: &str| value(&text, &format!("sightline_relay_seconds_bucket{{le=\"{le}\"}}"));
        assert_eq!(
            [class("0.00001"), class("0.000025"), class("0.005"), class("0.01"), class("60"), class("+Inf")],
            [1.0, 2.0, 2.0, 3.0, 3.0, 4.0]
        );
        assert_eq!(value(&text, "sightline_relay_seconds_count"), 4.0);
        assert_eq!(value(&text, "sightline_relayed_messages_total"), 4.0);
        assert!((value(&text, "sightline_relay_seconds_sum") - 70.010_02).abs() < 1e-9);
    }

    #[test]
    fn routes_are_told_apart_and_cannot_be_multiplied() {
        let metrics = Metrics::default();
        let ms = Duration::from_millis(1);
        metrics.answered("GET", Some("/rooms/{code}"), ms);
        metrics.answered("POST", Some("/rooms/{code}"), ms);
        metrics.answered("GET", None, ms);
        metrics.answered("POST", None, ms);
        for n in 0..1000 {
            metrics.answered(&format!("INVENTED{n}"), Some("/a\"b\\c\n"), ms);
        }
        let count = |text: &str, labels| value(text, &format!("sightline_http_request_seconds_count{{{labels}}}"));
        let text = metrics.render();
        assert_eq!(count(&text, r#"method="GET",route="/rooms/{code}""#), 1.0);
        assert_eq!(count(&text, r#"method="GET",route="unknown""#), 1.0);
        assert_eq!(count(&text, r#"method="other",route="/a\"b\\c\n""#), 1000.0);
        for n in 0..2 * MAX_ROUTES {
            metrics.answered("GET", Some(&format!("/{n}")), ms);
        }
        assert_eq!(metrics.routes.read().expect("whole").len(), MAX_ROUTES);
        // Five were there before.
        assert_eq!(count(&metrics.render(), r#"method="other",route="other""#), (MAX_ROUTES + 5) as f64);
    }

    /// Every line is a comment or a sample, each name has its head once and before its samples, and no series is there
    /// twice: what a scraper insists on.
    #[test]
    fn the_text_is_what_a_scraper_takes() {
        let metrics = Metrics::default();
        metrics.refused(ErrorCode::BadMessage);
        metrics.answered("GET", Some("/ws"), Duration::from_millis(3));
        metrics.relayed(Duration::from_micros(30));
        let text = metrics.render();
        assert!(text.ends_with('\n'));
        let (mut current, mut heads, mut series) = (String::new(), Vec::new(), Vec::new());
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a kind");
                assert!(matches!(kind, "gauge" | "counter" | "histogram"), "{line}");
                assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
                assert!(!heads.contains(&name), "{line}");
                heads.push(name);
                current = name.to_owned();
            } else if !line.starts_with("# HELP ") {
                let (name, value) = line.rsplit_once(' ').expect("a value");
                assert!(name.starts_with(&current), "{line} under {current}");
                assert!(value.parse::<f64>().is_ok_and(|value| value >= 0.0), "{line}");
                assert!(!series.contains(&name), "{line}");
                series.push(name);
            }
        }
    }

    #[test]
    fn every_thread_is_counted() {
        let metrics = Metrics::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        metrics.relayed(Duration::from_micros(50));
                        metrics.refused(ErrorCode::TooLarge);
                        metrics.answered("GET", Some("/healthz"), Duration::from_micros(50));
                    }
                });
            }
        });
        let text = metrics.render();
        assert_eq!(value(&text, "sightline_relayed_messages_total"), 40_000.0);
        assert_eq!(value(&text, "sightline_rejected_total{code=\"too-large\"}"), 40_000.0);
        assert_eq!(value(&text, "sightline_http_request_seconds_count{method=\"GET\",route=\"/healthz\"}"), 40_000.0);
    }
}
