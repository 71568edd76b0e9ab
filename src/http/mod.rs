//! A page that shows every stream live, metrics for Prometheus, and probes. Nothing can be changed by way of it.
//!
//! [`Server`] accepts connections; the pipeline runs each in a task of its own. Everything has a bound: connections, the time to
//! ask, the time to take an answer, pages at once. [`Tap`] is where the pipeline tells what happens.

mod host;
mod metrics;
mod reply;
mod tap;
mod trace;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tokio::io::AsyncWrite;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_io_timeout::TimeoutWriter;

pub use tap::Tap;

use crate::channel::Channel;
use crate::health::{Health, Watcher};
use crate::terms::Terms;
use reply::Site;

/// Connections at once; more wait for their turn.
const CONNECTIONS: usize = 32;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 64;
/// How long a client may take to ask.
const ASKING: Duration = Duration::from_secs(5);
/// How long a client may take nothing of its answer.
const TAKING: Duration = Duration::from_secs(10);
/// Bytes of a request's head.
const HEAD: usize = 16 << 10;
/// Fields of a request's head.
const FIELDS: usize = 64;
/// Bytes that the system keeps for a client that does not take them.
const SENDING: u32 = 256 << 10;
/// How often pages are sent what happened.
const FLUSH: Duration = Duration::from_millis(100);
/// Flushes between two reports on how the daemon is.
const REPORT: u32 = 10;
/// Flushes between two heartbeats.
const HEARTBEAT: u32 = 150;
/// How often it is looked whether the pipeline moves.
const LOOK: Duration = Duration::from_secs(5);

/// What the daemon serves, in the words of the page and the metrics.
#[derive(Clone, Debug, Serialize)]
pub struct About {
    version: &'static str,
    model: String,
    labels: Vec<String>,
    channels: Vec<Channel>,
    rate: f64,
    window: usize,
    hop: usize,
    max_gap: f64,
    /// The broker's host and port, if there is one.
    broker: Option<String>,
}

impl About {
    /// Surfaces that are decided under these terms, and the broker that they are published by.
    pub fn new(terms: &Terms, broker: Option<String>) -> Self {
        let Terms { card, model, hop, .. } = terms;
        Self {
            version: env!("CARGO_PKG_VERSION"),
            model: model.clone(),
            labels: card.labels.clone(),
            channels: card.channels.clone(),
            rate: card.rate,
            window: card.window,
            hop: *hop,
            max_gap: card.resample.max_gap,
            broker,
        }
    }
}

/// Why nothing can be served at an address.
#[derive(Debug, thiserror::Error)]
#[error("http.listen is \"{address}\", and {why}")]
pub struct BindError {
    address: SocketAddr,
    why: String,
}

impl BindError {
    fn new(address: SocketAddr, error: &io::Error) -> Self {
        let why = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "another program has that port; end it, or set another port".to_owned()
            }
            io::ErrorKind::AddrNotAvailable => {
                "this computer does not have that address (yet); set one that it has, such as 127.0.0.1"
                    .into()
            }
            io::ErrorKind::PermissionDenied => {
                "this user may not have that port; set one from 1024 on".into()
            }
            _ => format!("it cannot be listened on: {error}"),
        };
        Self { address, why }
    }
}

/// A port that is listened on.
pub struct Server {
    listener: TcpListener,
    site: Arc<Site>,
    seats: Arc<Semaphore>,
    flushes: Interval,
    flushed: u32,
    looks: Interval,
    watcher: Watcher,
}

/// Whether an address can be listened at: where the page would be. It belongs to the runtime that it is asked in.
///
/// # Errors
/// [`BindError`].
pub(crate) fn try_address(address: SocketAddr) -> Result<String, BindError> {
    let listener = listen(address)?;
    Ok(host::url(listener.local_addr().unwrap_or(address)))
}

impl Server {
    /// Listens at an address; `hosts` are names that clients may call this computer by. It belongs to the runtime it is made in.
    ///
    /// # Errors
    /// [`BindError`].
    pub fn bind(
        address: SocketAddr,
        hosts: &[String],
        about: About,
        health: Arc<Health>,
    ) -> Result<Self, BindError> {
        let listener = listen(address)?;
        let bound = listener.local_addr().unwrap_or(address);
        tracing::info!(address = %bound, url = host::url(bound), "the page is served");
        let mut flushes = interval(FLUSH);
        flushes.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            listener,
            site: Arc::new(Site::new(hosts.to_vec(), health, Tap::new(about))),
            seats: Arc::new(Semaphore::new(CONNECTIONS)),
            flushes,
            flushed: 0,
            looks: interval(LOOK),
            watcher: Watcher::default(),
        })
    }

    /// Where the pipeline tells what happens.
    pub fn tap(&self) -> Tap {
        self.site.tap.clone()
    }

    /// Waits for the next client and gives its connection, to be run. In between, pages are sent what happened. To be cancelled
    /// loses nothing.
    pub(crate) async fn next(&mut self) -> impl Future<Output = ()> + Send + 'static {
        loop {
            let watched = self.site.tap.watched();
            tokio::select! {
                (seat, accepted) = accept(&self.seats, &self.listener) => match accepted {
                    Ok(stream) => return serve(stream, self.site.clone(), seat),
                    Err(error) => {
                        tracing::debug!("a connection cannot be accepted: {error}");
                        // Without a free file descriptor, the next try would fail at once.
                        tokio::time::sleep(FLUSH).await;
                    }
                },
                _ = self.flushes.tick(), if watched => self.flush(),
                () = self.site.tap.begun(), if !watched => self.flushed = 0,
                _ = self.looks.tick() => {
                    let moves = self.watcher.moves(&self.site.health);
                    self.site.moves(moves);
                }
            }
        }
    }

    fn flush(&mut self) {
        let tap = &self.site.tap;
        if self.flushed.is_multiple_of(REPORT) {
            tap.health(self.site.report());
        }
        if self.flushed.is_multiple_of(HEARTBEAT) {
            tap.heartbeat();
        }
        self.flushed = self.flushed.wrapping_add(1);
        tap.flush();
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, BindError> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A daemon that starts again need not wait for old connections to be forgotten.
        socket.set_reuseaddr(true)?;
        // Connections inherit it.
        socket.set_send_buffer_size(SENDING)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|error| BindError::new(address, &error))
}

/// The next connection, once there is a seat for it.
async fn accept(
    seats: &Arc<Semaphore>,
    listener: &TcpListener,
) -> (Option<OwnedSemaphorePermit>, io::Result<TcpStream>) {
    // Nobody closes the semaphore.
    let seat = seats.clone().acquire_owned().await.ok();
    (seat, listener.accept().await.map(|(stream, _)| stream))
}

/// Fails a write that waits longer than a limit, so that a client that reads nothing is dropped.
fn limit_writes<S: AsyncWrite>(stream: S, limit: Duration) -> Pin<Box<TimeoutWriter<S>>> {
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout(Some(limit));
    Box::pin(stream)
}

/// Answers the one request of a connection.
async fn serve(stream: TcpStream, site: Arc<Site>, seat: Option<OwnedSemaphorePermit>) {
    let Ok(local) = stream.local_addr() else { return };
    // What happens is shown when it does.
    let _ = stream.set_nodelay(true);
    let stream = TokioIo::new(limit_writes(stream, TAKING));
    let service = service_fn(move |request| {
        let response = site.answer(&request, local.ip());
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(ASKING)
        .max_headers(FIELDS)
        .max_buf_size(HEAD)
        // A client that idles does not keep its seat.
        .keep_alive(false)
        .serve_connection(stream, service)
        .await;
    if let Err(error) = served {
        tracing::debug!("a connection broke: {error}");
    }
    drop(seat);
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
    }

    #[test]
    fn who_reads_nothing_is_given_up() {
        block_on(async {
            let (near, _far) = tokio::io::duplex(4);
            let mut stream = limit_writes(near, Duration::from_millis(10));
            stream.write_all(b"fits").await.unwrap();
            let error = stream.write_all(b"does not").await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        });
    }

    #[test]
    fn who_reads_in_time_gets_everything() {
        block_on(async {
            let (near, mut far) = tokio::io::duplex(4);
            let mut stream = limit_writes(near, Duration::from_secs(60));
            let mut read = [0; 12];
            let (written, reading) =
                tokio::join!(stream.write_all(b"all of these"), far.read_exact(&mut read));
            written.unwrap();
            reading.unwrap();
            assert_eq!(&read, b"all of these");
        });
    }
}
