//! A disk that is soon full.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

/// Mounts a disk of so many KiB at a folder, for this program alone; what is left on the disk at its end is listed on standard
/// output, a name a line, after a line `left:`.
pub(crate) fn on_a_small_disk(kib: u32, disk: &Path, program: impl AsRef<OsStr>) -> Command {
    const SCRIPT: &str = "mount -t tmpfs -o size=$0k none \"$1\" || exit 99; disk=$1; shift; \"$@\"; code=$?; echo left:; \
                          ls -A \"$disk\"; exit $code";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", SCRIPT]);
    command.arg(kib.to_string()).arg(disk).arg(program);
    command
}
