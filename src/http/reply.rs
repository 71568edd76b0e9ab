//! Answers to requests.
//!
//! The paths are `/` (the page, with `/page.css` and `/page.js`), `/events` (its Server-Sent Events),
//! `/trace?stream=NAME` (a stream's samples and predictions of the last half minute), `/metrics`, `/livez` and `/readyz`. Nothing
//! can be changed by a request.
//!
//! There are few paths, so a `match` on the path routes the requests. `axum` with `tower-http` would add
//! eleven crates and replace only that `match`. `axum::serve` does not let its caller limit a request's head
//! or the time that a client takes to send it. The time limits of `tower-http` apply to handlers and bodies,
//! not to a client that reads nothing. Connections would therefore still have to be set up as they are in
//! `server.rs`.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::body::{Bytes, Frame, Incoming, SizeHint};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{host, metrics, page, query};
use crate::health::{Health, SourceState};
use crate::signal::StreamId;
use crate::sink::live::events::LiveEvents;

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// Headers of every answer. They allow a browser to show it together with other content of this server, and
/// nothing else.
const SECURITY_HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Answers requests from the daemon's health and live events.
pub(super) struct Site {
    /// Names that clients may use for this computer.
    hosts: Vec<String>,
    pub(super) health: Arc<Health>,
    pub(super) live: LiveEvents,
    /// Whether the pipeline makes progress.
    makes_progress: AtomicBool,
}

impl Site {
    pub(super) fn new(hosts: Vec<String>, health: Arc<Health>, live: LiveEvents) -> Self {
        Self { hosts, health, live, makes_progress: AtomicBool::new(true) }
    }

    /// Records whether the pipeline makes progress, for `/livez` and the pages.
    pub(super) fn set_makes_progress(&self, makes_progress: bool) {
        self.makes_progress.store(makes_progress, Ordering::Relaxed);
    }

    /// The body of a `health` event: the health report, with the state of the pipeline and of the broker.
    pub(super) fn report(&self) -> Value {
        let mut report = serde_json::to_value(self.health.report()).unwrap_or_default();
        let (connected, connects) = self.health.counters.broker();
        if let Some(fields) = report.as_object_mut() {
            fields.insert("moves".into(), self.makes_progress.load(Ordering::Relaxed).into());
            fields.insert("broker".into(), json!({ "connected": connected, "connects": connects }));
        }
        report
    }

    /// Answers a request on a connection that arrived at the address `local`.
    pub(super) fn answer(&self, request: &Request<Incoming>, local: IpAddr) -> Response<Body> {
        let (method, path, headers) = (request.method(), request.uri().path(), request.headers());
        let host = headers.get(header::HOST);
        if let Some(error) = host::refuse(host.map(HeaderValue::as_bytes), local, &self.hosts) {
            return text(StatusCode::FORBIDDEN, error + "\n");
        }
        if method != Method::GET && method != Method::HEAD {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "this server is read-only; use GET\n");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match path {
            "/" => whole(StatusCode::OK, HTML, page::HTML),
            "/page.css" => whole(StatusCode::OK, "text/css; charset=utf-8", page::STYLE),
            "/page.js" => whole(StatusCode::OK, "text/javascript; charset=utf-8", page::SCRIPT),
            "/events" | "/trace" if is_cross_site(headers) => text(
                StatusCode::FORBIDDEN,
                "events are only sent to this daemon's own page, not to other sites\n",
            ),
            "/events" => self.events(method),
            "/trace" => self.trace(request.uri().query().unwrap_or_default()),
            "/metrics" => {
                let text = metrics::write(self.health.clone(), self.live.about(), self.live.pages());
                whole(StatusCode::OK, metrics::CONTENT_TYPE, text)
            }
            "/livez" if self.makes_progress.load(Ordering::Relaxed) => text(StatusCode::OK, "ok\n"),
            "/livez" => text(StatusCode::SERVICE_UNAVAILABLE, "the pipeline makes no progress\n"),
            "/readyz" => self.ready(),
            _ => text(
                StatusCode::NOT_FOUND,
                "not found; the paths are / (the page), /metrics, /livez, /readyz, /events and /trace\n",
            ),
        }
    }

    /// Answers `/readyz`: whether every source delivers samples. The model is loaded before anything is
    /// served.
    fn ready(&self) -> Response<Body> {
        let report = self.health.report();
        let failing = report
            .sources
            .iter()
            .filter(|source| !matches!(source.state, SourceState::Ok | SourceState::Ended));
        let failing: Vec<_> =
            failing.map(|source| json!({ "source": source.name, "state": source.state })).collect();
        let status = if report.healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let model = self.live.about().model;
        whole(
            status,
            JSON,
            format!("{}\n", json!({ "ready": report.healthy, "model": model, "not_ok": failing })),
        )
    }

    /// Answers `/trace`: the spans of one stream.
    fn trace(&self, query: &str) -> Response<Body> {
        let stream = query::parameter(query, "stream").and_then(|name| StreamId::new(&name).ok());
        match stream.and_then(|stream| self.live.trace(&stream)) {
            Some(trace) => whole(StatusCode::OK, JSON, trace),
            None => text(StatusCode::NOT_FOUND, "there is no such stream; use /trace?stream=NAME\n"),
        }
    }

    fn events(&self, method: &Method) -> Response<Body> {
        let kind = "text/event-stream";
        if method == Method::HEAD {
            return whole(StatusCode::OK, kind, "");
        }
        match self.live.join() {
            Some(events) => response(StatusCode::OK, kind, Body::Events(events)),
            None => {
                let mut response = text(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "too many pages are open; close one, or try again later\n",
                );
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
                response
            }
        }
    }
}

/// Whether the browser says that a page of another site sent the request. Such a page could not read the
/// events, but it would count towards the limit of pages.
fn is_cross_site(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    site.is_some_and(|site| site != b"same-origin" && site != b"none")
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    whole(status, TEXT, text)
}

fn whole(status: StatusCode, kind: &'static str, bytes: impl Into<Bytes>) -> Response<Body> {
    response(status, kind, Body::Whole(Some(bytes.into())))
}

fn response(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in SECURITY_HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The body of an answer: either complete, or events as they come.
pub(super) enum Body {
    Whole(Option<Bytes>),
    Events(mpsc::Receiver<Bytes>),
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = match &mut *self {
            Body::Whole(bytes) => Poll::Ready(bytes.take()),
            Body::Events(events) => events.poll_recv(context),
        };
        next.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Body::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Body::Events(_) => SizeHint::default(),
        }
    }
}
