//! Reading samples from a byte stream: a serial port or standard input.
//!
//! [`read`] passes the bytes to a [`LiveDecoder`] and sends the decoded samples to the pipeline. It does
//! not open the byte stream and does not decide what happens after it has ended: [`serial`](super::serial)
//! opens its port again, and [`stdin`](super::stdin) ends the stream.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt};

use super::handle::SourceHandle;
use super::progress::{ReadFault, ReadProgress};
use crate::config::SourceInput;
use crate::decode::{LiveDecoder, StreamFormat};
use crate::shutdown::Shutdown;
use crate::signal::{Drops, StreamId};

/// The size of the read buffer, in bytes.
const BUFFER: usize = 16 * 1024;

/// The decoder holds samples back no longer than this when no more bytes arrive.
const HOLD: Duration = Duration::from_secs(1);

/// How the bytes of a byte stream become samples.
#[derive(Clone, Debug)]
pub(crate) struct ByteSource {
    /// The stream that the samples belong to.
    pub stream: StreamId,
    /// The encoding of the samples.
    pub format: StreamFormat,
    /// The channels of a sample, and where its time is.
    pub input: SourceInput,
    /// Reading ends when no byte arrives for this long, or bytes without a line end; `None` waits without a limit.
    pub silence: Option<Duration>,
    /// Whether the first byte may be in the middle of a line.
    pub is_mid_line: bool,
}

/// Why reading ended.
#[derive(Debug)]
pub(crate) enum ReadEnd {
    /// The byte stream came to its end, because the other side closed it.
    Closed,
    /// No byte arrived for this long.
    Silent(Duration),
    /// Bytes arrived for this long, but not one line or frame ended.
    NoLines(Duration),
    /// The operating system reported an error.
    Failed(io::Error),
    /// The daemon is shutting down, or the pipeline takes no more samples.
    Shutdown,
}

/// Reads samples until the byte stream ends, fails or is silent for too long, or until the shutdown.
///
/// A line or frame that is incomplete at that moment is decoded only when the other side closed the byte
/// stream. In all other cases its end may be missing.
pub(crate) async fn read(
    handle: &SourceHandle,
    bytes: &ByteSource,
    reader: &mut (impl AsyncRead + Unpin),
    shutdown: &mut Shutdown,
) -> ReadEnd {
    let ByteSource { stream, format, input, silence, is_mid_line } = bytes;
    let rate = input.time.rate;
    let mut decoder = LiveDecoder::new(*format, &input.columns, &input.time, input.csv, *is_mid_line);
    let mut buffer = vec![0; BUFFER];
    let mut drops = Drops::default();
    let opened = Instant::now();
    let mut last_byte = opened;
    let mut progress = ReadProgress::new(*format);
    loop {
        let mut samples = input.columns.samples();
        let mut end = None;
        tokio::select! {
            read = reader.read(&mut buffer) => match read {
                Ok(0) => {
                    decoder.finish(&mut samples, &mut drops);
                    end = Some(ReadEnd::Closed);
                }
                Ok(count) => {
                    last_byte = Instant::now();
                    let read = buffer.get(..count).unwrap_or_default();
                    decoder.feed(read, opened.elapsed(), &mut samples, &mut drops);
                    progress.add(read, samples.len(), &drops, opened.elapsed());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => end = Some(ReadEnd::Failed(error)),
            },
            () = shutdown.requested() => end = Some(ReadEnd::Shutdown),
            () = wait(*silence, last_byte) => end = Some(ReadEnd::Silent(silence.unwrap_or_default())),
            () = wait(decoder.is_holding().then_some(HOLD), last_byte) => {
                decoder.release(&mut samples, &mut drops);
            }
        }
        if end.is_some() {
            decoder.release(&mut samples, &mut drops);
        }
        if let Some(conclusion) = decoder.take_conclusion() {
            handle.conclude(conclusion);
        }
        match progress.fault(&mut drops, opened.elapsed()) {
            None => {}
            Some(ReadFault::Malformed(detail)) => {
                handle.set_problem(
                    stream,
                    "malformed",
                    format!("nothing that arrived can be used: {detail}"),
                );
            }
            Some(ReadFault::NoLines(time)) => {
                handle.set_problem(stream, "no_lines", no_lines(*format));
                if silence.is_some_and(|silence| time >= silence) {
                    end = Some(ReadEnd::NoLines(time));
                }
            }
        }
        if handle.send(stream, samples, rate, &mut drops).await.is_err() {
            return ReadEnd::Shutdown;
        }
        if let Some(end) = end {
            return end;
        }
    }
}

/// That bytes arrive without a line or frame, and the likely reason.
pub(super) fn no_lines(format: StreamFormat) -> String {
    let unit = if format == StreamFormat::Binary { "frame" } else { "line" };
    format!(
        "bytes arrive, but no {unit} ends; check that source.baud and source.format are those of the board"
    )
}

/// Waits until this long after a moment; forever for `None`.
async fn wait(time: Option<Duration>, after: Instant) {
    match time {
        Some(time) => tokio::time::sleep_until((after + time).into()).await,
        None => std::future::pending().await,
    }
}
