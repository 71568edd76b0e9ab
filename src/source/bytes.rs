//! Reading samples from a byte stream: a serial port or standard input.
//!
//! [`read`] passes the bytes to a [`StreamDecoder`] and sends the decoded samples to the pipeline. It does
//! not open the byte stream and does not decide what happens after it has ended: [`serial`](super::serial)
//! opens its port again, and [`stdin`](super::stdin) ends the stream.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::handle::SourceHandle;
use crate::config::SourceInput;
use crate::decode::{StreamDecoder, StreamFormat};
use crate::shutdown::Shutdown;
use crate::signal::{Drops, StreamId, TimeInput};

/// The size of the read buffer, in bytes.
const BUFFER: usize = 16 * 1024;

/// How the bytes of a byte stream become samples.
#[derive(Clone, Debug)]
pub(crate) struct ByteSource {
    /// The stream that the samples belong to.
    pub stream: StreamId,
    /// The encoding of the samples.
    pub format: StreamFormat,
    /// The channels of a sample, and where its time is.
    pub input: SourceInput,
    /// Reading ends when no byte arrives for this long; `None` waits without a limit.
    pub silence: Option<Duration>,
}

/// Why reading ended.
#[derive(Debug)]
pub(crate) enum ReadEnd {
    /// The byte stream came to its end, because the other side closed it.
    Closed,
    /// No byte arrived for this long.
    Silent(Duration),
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
    let ByteSource { stream, format, input, silence } = bytes;
    let TimeInput { rate, .. } = input.time;
    let mut decoder = StreamDecoder::with_csv(*format, input.columns.clone(), input.time.clone(), input.csv);
    if silence.is_some() {
        // A serial port is opened while the board sends.
        decoder = decoder.beginning_within_a_line();
    }
    let mut buffer = vec![0; BUFFER];
    let mut drops = Drops::default();
    loop {
        let read = tokio::select! {
            read = reader.read(&mut buffer) => read,
            () = shutdown.requested() => return ReadEnd::Shutdown,
            () = wait(*silence) => return ReadEnd::Silent(silence.unwrap_or_default()),
        };
        let mut samples = input.columns.samples();
        let end = match read {
            Ok(0) => {
                decoder.finish(&mut samples, &mut drops);
                Some(ReadEnd::Closed)
            }
            Ok(count) => {
                decoder.feed(buffer.get(..count).unwrap_or_default(), &mut samples, &mut drops);
                None
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            Err(error) => Some(ReadEnd::Failed(error)),
        };
        if handle.send(stream, samples, rate, &mut drops).await.is_err() {
            return ReadEnd::Shutdown;
        }
        if let Some(end) = end {
            return end;
        }
    }
}

/// Waits for this long; forever for `None`.
async fn wait(silence: Option<Duration>) {
    match silence {
        Some(silence) => tokio::time::sleep(silence).await,
        None => std::future::pending().await,
    }
}
