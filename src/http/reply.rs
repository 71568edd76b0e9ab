//! What is answered to a request.
//!
//! The requests are few, so a `match` on the path routes them. `axum` with `tower-http` would bring eleven more
//! crates and save no more than that `match`: `axum::serve` does not let its caller limit a request's head or the
//! time that a client takes to send it, and the time limits of `tower-http` hold for handlers and bodies, not for a
//! client that reads nothing, so connections would still be set up as they are in [`super`].

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use hyper::body::{Bytes, Frame, Incoming, SizeHint};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::tap::Tap;
use super::{host, metrics};
use crate::health::{Health, State};

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// What a browser may do with an answer: nothing but show it, with what comes from here.
const GUARDS: [(HeaderName, &str); 7] = [
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

/// What is served, and from what.
pub(super) struct Site {
    hosts: Vec<String>,
    pub(super) health: Arc<Health>,
    pub(super) tap: Tap,
    moves: AtomicBool,
}

impl Site {
    pub(super) fn new(hosts: Vec<String>, health: Arc<Health>, tap: Tap) -> Self {
        Self { hosts, health, tap, moves: AtomicBool::new(true) }
    }

    /// Says whether the pipeline moves.
    pub(super) fn moves(&self, moves: bool) {
        self.moves.store(moves, Ordering::Relaxed);
    }

    /// How the daemon is, as pages are told.
    pub(super) fn report(&self) -> Value {
        let mut report = serde_json::to_value(self.health.report()).unwrap_or_default();
        let (connected, connects) = self.health.counters.broker();
        if let Some(fields) = report.as_object_mut() {
            fields.insert("moves".into(), self.moves.load(Ordering::Relaxed).into());
            fields.insert("broker".into(), json!({ "connected": connected, "connects": connects }));
        }
        report
    }

    /// Answers a request on a connection that came by the address `local`.
    pub(super) fn answer(&self, request: &Request<Incoming>, local: IpAddr) -> Response<Body> {
        let (method, path, fields) = (request.method(), request.uri().path(), request.headers());
        let host = fields.get(header::HOST);
        if let Some(why) = host::refuse(host.map(HeaderValue::as_bytes), local, &self.hosts) {
            return text(StatusCode::FORBIDDEN, why + "\n");
        }
        if method != Method::GET && method != Method::HEAD {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "nothing can be changed here; use GET\n");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match path {
            "/" => whole(StatusCode::OK, HTML, include_str!("page.html")),
            "/page.css" => whole(StatusCode::OK, "text/css; charset=utf-8", include_str!("page.css")),
            "/page.js" => whole(StatusCode::OK, "text/javascript; charset=utf-8", include_str!("page.js")),
            "/events" if foreign(fields) => text(
                StatusCode::FORBIDDEN,
                "the events are for the page of this daemon, not for another site\n",
            ),
            "/events" => self.events(method),
            "/metrics" => {
                let text = metrics::write(self.health.clone(), self.tap.about(), self.tap.pages());
                whole(StatusCode::OK, metrics::CONTENT_TYPE, text)
            }
            "/livez" if self.moves.load(Ordering::Relaxed) => text(StatusCode::OK, "ok\n"),
            "/livez" => text(StatusCode::SERVICE_UNAVAILABLE, "the pipeline does not move\n"),
            "/readyz" => self.ready(),
            _ => text(
                StatusCode::NOT_FOUND,
                "there is /, with the page, and /metrics, /livez, /readyz and /events\n",
            ),
        }
    }

    /// Whether the model is loaded, which it is before anything is served, and every source gives samples.
    fn ready(&self) -> Response<Body> {
        let report = self.health.report();
        let amiss = report.sources.iter().filter(|source| !matches!(source.state, State::Ok | State::Ended));
        let amiss: Vec<_> =
            amiss.map(|source| json!({ "source": source.name, "state": source.state })).collect();
        let status = if report.healthy { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let model = self.tap.about().model;
        whole(
            status,
            JSON,
            format!("{}\n", json!({ "ready": report.healthy, "model": model, "not_ok": amiss })),
        )
    }

    fn events(&self, method: &Method) -> Response<Body> {
        let kind = "text/event-stream";
        if method == Method::HEAD {
            return whole(StatusCode::OK, kind, "");
        }
        match self.tap.join() {
            Some(events) => response(StatusCode::OK, kind, Body::Events(events)),
            None => {
                let mut response = text(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "as many pages are open as are served at once; close one\n",
                );
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
                response
            }
        }
    }
}

/// Whether a browser says that a page of another site asks. It could read nothing, but it would take up a place.
fn foreign(fields: &HeaderMap) -> bool {
    let site = fields.get("sec-fetch-site").map(HeaderValue::as_bytes);
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
    for (name, value) in GUARDS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// What is sent: all at once, or events as they come.
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
