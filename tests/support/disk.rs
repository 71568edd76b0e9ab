//! A small disk for tests with a full disk.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

/// A command that runs `program` with a disk of `kib` KiB mounted at the folder `disk`. Only this program
/// sees the disk. At its end, a line `left:` and the names of the files on the disk are printed on standard
/// output, one name per line.
pub(crate) fn on_a_small_disk(kib: u32, disk: &Path, program: impl AsRef<OsStr>) -> Command {
    const SCRIPT: &str = "mount -t tmpfs -o size=$0k none \"$1\" || exit 99; disk=$1; shift; \"$@\"; code=$?; echo left:; \
                          ls -A \"$disk\"; exit $code";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", SCRIPT]);
    command.arg(kib.to_string()).arg(disk).arg(program);
    command
}
