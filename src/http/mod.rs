//! A page that shows every stream live, metrics for Prometheus, and probes. Nothing can be changed by way of it.
//!
//! [`HttpServer`] accepts connections; the pipeline runs each in a task of its own. Everything has a bound: connections, the time to
//! ask, the time to take an answer, pages at once. [`LiveEvents`] is where the pipeline tells what happens.

pub(crate) mod exposition;
pub(crate) mod host;
pub(crate) mod metrics;
pub(crate) mod page;
pub(crate) mod process;
pub(crate) mod reply;
pub(crate) mod write_timeout;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Interval, MissedTickBehavior, interval};

use self::reply::Site;
use self::write_timeout::WriteTimeout;
use crate::health::{Health, ProgressWatcher};
use crate::sink::live::about::About;
use crate::sink::live::events::LiveEvents;

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

/// Why nothing can be served at an address.
#[derive(Debug, thiserror::Error)]
#[error("http.listen is \"{address}\", and {why}")]
pub(crate) struct BindError {
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
pub(crate) struct HttpServer {
    listener: TcpListener,
    site: Arc<Site>,
    seats: Arc<Semaphore>,
    flushes: Interval,
    flushed: u32,
    looks: Interval,
    watcher: ProgressWatcher,
}

/// Whether an address can be listened at: where the page would be. It belongs to the runtime that it is asked in.
///
/// # Errors
/// [`BindError`].
pub(crate) fn try_address(address: SocketAddr) -> Result<String, BindError> {
    let listener = listen(address)?;
    Ok(host::url(listener.local_addr().unwrap_or(address)))
}

impl HttpServer {
    /// Listens at an address; `hosts` are names that clients may call this computer by. It belongs to the runtime it is made in.
    ///
    /// # Errors
    /// [`BindError`].
    pub(crate) fn bind(
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
            site: Arc::new(Site::new(hosts.to_vec(), health, LiveEvents::new(about))),
            seats: Arc::new(Semaphore::new(CONNECTIONS)),
            flushes,
            flushed: 0,
            looks: interval(LOOK),
            watcher: ProgressWatcher::default(),
        })
    }

    /// Where the pipeline tells what happens.
    pub(crate) fn live(&self) -> LiveEvents {
        self.site.live.clone()
    }

    /// Waits for the next client and gives its connection, to be run. In between, pages are sent what happened. To be cancelled
    /// loses nothing.
    pub(crate) async fn next(&mut self) -> impl Future<Output = ()> + Send + 'static {
        loop {
            let watched = self.site.live.watched();
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
                () = self.site.live.begun(), if !watched => self.flushed = 0,
                _ = self.looks.tick() => {
                    let moves = self.watcher.moves(self.site.health.progress());
                    self.site.moves(moves);
                }
            }
        }
    }

    fn flush(&mut self) {
        let live = &self.site.live;
        if self.flushed.is_multiple_of(REPORT) {
            live.health(self.site.report());
        }
        if self.flushed.is_multiple_of(HEARTBEAT) {
            live.heartbeat();
        }
        self.flushed = self.flushed.wrapping_add(1);
        live.flush();
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

/// Answers the one request of a connection.
async fn serve(stream: TcpStream, site: Arc<Site>, seat: Option<OwnedSemaphorePermit>) {
    let Ok(local) = stream.local_addr() else { return };
    // What happens is shown when it does.
    let _ = stream.set_nodelay(true);
    let stream = TokioIo::new(WriteTimeout::new(stream, TAKING));
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
