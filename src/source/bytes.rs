//! Samples from anything that is read byte by byte: a serial port, standard input.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::handle::SourceHandle;
use crate::config::SourceInput;
use crate::decode::{StreamDecoder, StreamFormat};
use crate::shutdown::Shutdown;
use crate::signal::{Drops, StreamId, TimeInput};

/// Bytes read at once.
const BUFFER: usize = 16 * 1024;

/// How a byte stream is read.
#[derive(Clone, Debug)]
pub(crate) struct ByteSource {
    /// The stream its samples belong to.
    pub stream: StreamId,
    /// How it is written.
    pub format: StreamFormat,
    /// What it holds.
    pub input: SourceInput,
    /// It is given up when nothing comes for this long.
    pub silence: Option<Duration>,
}

/// Why reading ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The other end closed it.
    Closed,
    /// Nothing came for too long.
    Silent(Duration),
    /// The system says so.
    Failed(io::Error),
    /// The daemon ends.
    Shutdown,
}

/// Reads until something ends it. A line or frame that is open at the end is decoded only where the other end closed.
pub(crate) async fn read(
    handle: &SourceHandle,
    bytes: &ByteSource,
    reader: &mut (impl AsyncRead + Unpin),
    shutdown: &mut Shutdown,
) -> Ended {
    let ByteSource { stream, format, input, silence } = bytes;
    let TimeInput { rate, .. } = input.time;
    let mut decoder = StreamDecoder::new(*format, input.columns.clone(), input.time.clone());
    let mut buffer = vec![0; BUFFER];
    let mut drops = Drops::default();
    loop {
        let read = tokio::select! {
            read = reader.read(&mut buffer) => read,
            () = shutdown.requested() => return Ended::Shutdown,
            () = wait(*silence) => return Ended::Silent(silence.unwrap_or_default()),
        };
        let mut samples = input.columns.samples();
        let ended = match read {
            Ok(0) => {
                decoder.finish(&mut samples, &mut drops);
                Some(Ended::Closed)
            }
            Ok(count) => {
                decoder.feed(buffer.get(..count).unwrap_or_default(), &mut samples, &mut drops);
                None
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            Err(error) => Some(Ended::Failed(error)),
        };
        if handle.send(stream, samples, rate, &mut drops).await.is_err() {
            return Ended::Shutdown;
        }
        if let Some(ended) = ended {
            return ended;
        }
    }
}

async fn wait(silence: Option<Duration>) {
    match silence {
        Some(silence) => tokio::time::sleep(silence).await,
        None => std::future::pending().await,
    }
}
