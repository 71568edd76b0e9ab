//! The bytes of a recording, whose file may be compressed with gzip.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;

/// The first bytes of a gzip file (RFC 1952, 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The bytes of a recording, unpacked if its file is compressed with gzip, whatever its name is.
pub(super) struct RecordingBytes {
    packing: Packing,
    is_cut: bool,
}

enum Packing {
    None(File),
    Gzip(Box<MultiGzDecoder<BufReader<File>>>),
}

/// What is wrong with gzip data, inside of an [`io::Error`].
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct DamagedGzip(String);

impl RecordingBytes {
    /// Opens a file at its start.
    ///
    /// # Errors
    /// The error of the system if the file cannot be read.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut start = Vec::new();
        file.by_ref().take(GZIP.len() as u64).read_to_end(&mut start)?;
        file.rewind()?;
        let packing = if start == GZIP {
            Packing::Gzip(Box::new(MultiGzDecoder::new(BufReader::new(file))))
        } else {
            Packing::None(file)
        };
        Ok(Self { packing, is_cut: false })
    }

    /// Whether the file ends in the middle of its gzip data, as after a crash; what is before has been read.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }
}

impl Read for RecordingBytes {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.packing {
            Packing::None(file) => file.read(buffer),
            Packing::Gzip(_) if self.is_cut => Ok(0),
            Packing::Gzip(gzip) => match gzip.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.is_cut = true;
                    Ok(0)
                }
                Err(error) => Err(io::Error::new(error.kind(), DamagedGzip(error.to_string()))),
                read => read,
            },
        }
    }
}
