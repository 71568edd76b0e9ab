//! Listening, accepting connections, and sending live events to the open pages.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWrite;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_io_timeout::TimeoutWriter;

use super::bind_error::BindError;
use super::clients::{Client, Clients};
use super::host;
use super::reply::Site;
use crate::health::{Health, ProgressWatcher};
use crate::sink::live::about::About;
use crate::sink::live::events::LiveEvents;

/// Maximum number of connections that wait to be accepted.
const BACKLOG: u32 = 64;
/// Longest time for a client to send its request's head.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time in which a client takes no byte of its answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum size of a request's head, in bytes.
const MAX_HEAD: usize = 16 << 10;
/// Maximum number of headers of a request.
const MAX_HEADERS: usize = 64;
/// Size of a connection's send buffer in the kernel, in bytes.
const SEND_BUFFER: u32 = 256 << 10;
/// How often live events are sent to the pages.
const FLUSH: Duration = Duration::from_millis(100);
/// Number of flushes between two health reports.
const FLUSHES_PER_REPORT: u32 = 10;
/// Number of flushes between two heartbeats.
const FLUSHES_PER_HEARTBEAT: u32 = 150;
/// How often the progress of the pipeline is checked.
const PROGRESS_CHECK: Duration = Duration::from_secs(5);

/// A server that listens on an address.
///
/// It uses the timers and sockets of the tokio runtime in which it was created.
pub(crate) struct HttpServer {
    listener: TcpListener,
    site: Arc<Site>,
    clients: Clients,
    flushes: Interval,
    /// Number of flushes since the first page joined.
    flush_count: u32,
    progress_checks: Interval,
    watcher: ProgressWatcher,
}

/// Checks that an address can be listened on, and returns the URL that the page would have.
///
/// # Errors
/// [`BindError`] if it cannot be listened on.
pub(crate) fn try_address(address: SocketAddr) -> Result<String, BindError> {
    let listener = listen(address)?;
    Ok(host::url(listener.local_addr().unwrap_or(address)))
}

impl HttpServer {
    /// Listens on an address. `hosts` are names that clients may use for this computer.
    ///
    /// # Errors
    /// [`BindError`] if the address cannot be listened on.
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
            clients: Clients::default(),
            flushes,
            flush_count: 0,
            progress_checks: interval(PROGRESS_CHECK),
            watcher: ProgressWatcher::default(),
        })
    }

    /// The live events that the pipeline feeds and the pages receive.
    pub(crate) fn live(&self) -> LiveEvents {
        self.site.live.clone()
    }

    /// Waits for the next client and returns a future that serves it. While waiting, sends live events to the
    /// pages.
    ///
    /// This is cancel safe: no connection and no event is lost.
    pub(crate) async fn next(&mut self) -> impl Future<Output = ()> + Send + 'static {
        loop {
            let watched = self.site.live.watched();
            tokio::select! {
                accepted = self.listener.accept(), if self.clients.have_room() => match accepted {
                    Ok((stream, _)) => return serve(stream, self.site.clone(), self.clients.join()),
                    Err(error) => {
                        tracing::debug!("an HTTP connection cannot be accepted: {error}");
                        // Without a free file descriptor, the next attempt would fail at once.
                        tokio::time::sleep(FLUSH).await;
                    }
                },
                // Then there may be room.
                () = self.clients.left.notified(), if !self.clients.have_room() => {}
                _ = self.flushes.tick(), if watched => self.flush(),
                () = self.site.live.joined(), if !watched => self.flush_count = 0,
                _ = self.progress_checks.tick() => {
                    let makes_progress = self.watcher.makes_progress(self.site.health.progress());
                    self.site.set_makes_progress(makes_progress);
                }
            }
        }
    }

    fn flush(&mut self) {
        let live = &self.site.live;
        if self.flush_count.is_multiple_of(FLUSHES_PER_REPORT) {
            live.fleet();
            live.health(self.site.report());
        }
        if self.flush_count.is_multiple_of(FLUSHES_PER_HEARTBEAT) {
            live.heartbeat();
        }
        self.flush_count = self.flush_count.wrapping_add(1);
        live.flush();
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, BindError> {
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // Without this option a restarted daemon would have to wait until the system forgets the old
        // connections.
        socket.set_reuseaddr(true)?;
        // Accepted connections inherit this size.
        socket.set_send_buffer_size(SEND_BUFFER)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|error| BindError::new(address, &error))
}

/// Limits the time that a write may wait, so that a client that does not read is disconnected.
fn limit_writes<S: AsyncWrite>(stream: S, limit: Duration) -> Pin<Box<TimeoutWriter<S>>> {
    let mut stream = TimeoutWriter::new(stream);
    stream.set_timeout(Some(limit));
    Box::pin(stream)
}

/// Answers the one request of a connection.
async fn serve(stream: TcpStream, site: Arc<Site>, client: Client) {
    let Ok(local) = stream.local_addr() else { return };
    // Events should be shown without delay. If the option cannot be set, they only arrive later.
    let _ = stream.set_nodelay(true);
    let stream = TokioIo::new(limit_writes(stream, WRITE_TIMEOUT));
    let state = client.state.clone();
    let service = service_fn(move |request| {
        state.has_asked.store(true, Ordering::Relaxed);
        let response = site.answer(&request, local.ip());
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD)
        // An idle client must not keep its place.
        .keep_alive(false)
        .serve_connection(stream, service);
    tokio::select! {
        served = served => if let Err(error) = served {
            tracing::debug!("an HTTP connection failed: {error}");
        },
        () = client.state.evicted.notified() => {
            tracing::debug!("an HTTP connection was closed for another one: its request took too long");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
    }

    #[test]
    fn a_client_that_does_not_read_is_disconnected() {
        block_on(async {
            let (near, _far) = tokio::io::duplex(4);
            let mut stream = limit_writes(near, Duration::from_millis(10));
            stream.write_all(b"fits").await.unwrap();
            let error = stream.write_all(b"does not").await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        });
    }

    #[test]
    fn a_client_that_reads_in_time_gets_everything() {
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
