//! What the recordings of novel surfaces may take on the disk.

use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What a file takes at least, in bytes: a block of a common file system. It also bounds the number of files.
const BLOCK: u64 = 4096;
/// How often files are counted again when there is no room.
const RECOUNT: Duration = Duration::from_secs(10);

/// The room that is left in a folder of recordings.
#[derive(Debug)]
pub(in super::super) struct DiskSpace {
    folder: PathBuf,
    /// What all files of the folder may take together, in bytes.
    most: u64,
    /// What they took when they were last counted, and what was written since then.
    used: u64,
    /// When they were last counted; `None` if that was not yet needed.
    counted: Option<Instant>,
}

impl DiskSpace {
    /// Counts the files of a folder, which may take this number of bytes in all. A folder that is not there has none.
    pub(in super::super) fn of(folder: PathBuf, most: u64) -> Self {
        let mut space = Self { folder, most, used: 0, counted: None };
        space.count();
        space
    }

    /// Whether there is room for more. Files that somebody has taken away make room within 10 s.
    pub(in super::super) fn has_room(&mut self, now: Instant) -> bool {
        let is_due = |counted: Instant| now.saturating_duration_since(counted) >= RECOUNT;
        if self.used >= self.most && self.counted.is_none_or(is_due) {
            self.count();
            self.counted = Some(now);
        }
        self.used < self.most
    }

    /// Counts a row that was written, which has this number of bytes.
    pub(in super::super) fn add(&mut self, bytes: usize, is_first_of_file: bool) {
        self.used += bytes as u64 + if is_first_of_file { BLOCK } else { 0 };
    }

    /// Why nothing more is written.
    pub(in super::super) fn full(&self) -> String {
        format!(
            "samples of novel surfaces are not recorded, because what is in \"{}\" takes {} MiB; move each recording \
             into the folder of its surface, or delete it",
            self.folder.display(),
            self.most >> 20
        )
    }

    fn count(&mut self) {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let sizes = entries.filter_map(|entry| entry.metadata().ok().filter(std::fs::Metadata::is_file));
        self.used = sizes.map(|metadata| metadata.len().max(BLOCK)).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_counts_and_what_is_taken_away_makes_room() {
        let (folder, start) = (tempfile::tempdir().unwrap(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let file = folder.path().join("rover.csv");
        std::fs::write(&file, vec![0; 8000]).unwrap();
        std::fs::write(folder.path().join("small.csv"), "t\n").unwrap();
        let mut space = DiskSpace::of(folder.path().into(), 8000 + 2 * BLOCK + 100);
        assert!(space.has_room(start));
        space.add(50, true);
        assert!(space.has_room(start));
        space.add(50, false);
        // The rows were not really written, so that counting finds room again.
        assert!(space.has_room(start));
        space.add(5000, false);
        assert!(!space.has_room(at(9)) && space.full().contains("takes 0 MiB; move each recording"));
        std::fs::remove_file(file).unwrap();
        assert!(!space.has_room(at(9)), "files are not counted again and again");
        assert!(space.has_room(at(10)));
        assert!(DiskSpace::of(folder.path().join("none"), 1).has_room(start));
    }
}
