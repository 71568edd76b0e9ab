"""Programs that a script starts, and what they use."""
import math, os, re, signal, socket, subprocess, sys, urllib.request
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or REPO / "target").absolute()


def free_ports(count):
    """Ports that were free a moment ago."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


def environment():
    """The environment of a daemon: nothing configures it but its file, and it finds the library."""
    found = {name: value for name, value in os.environ.items() if not name.startswith("UNDERFOOT_")}
    library = TARGET / "onnxruntime" / "libonnxruntime.so"
    if "ORT_DYLIB_PATH" not in found and library.exists():
        found["ORT_DYLIB_PATH"] = str(library)
    return {**found, "MALLOC_ARENA_MAX": "1"}


def processor(pid):
    """The processor time that a process has used, in s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid):
    """The resident memory of a process, in MiB."""
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def metrics(port):
    """The daemon's metrics, by name with labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line and line[0] != "#")}


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else math.nan


class Running:
    """A program that is ended, with what it wrote to a file."""

    def __init__(self, command, log, stdout=subprocess.DEVNULL, **more):
        self.log = log
        with open(log, "wb") as file:
            self.process = subprocess.Popen([str(word) for word in command], stdout=stdout, stderr=file, **more)
        self.pid = self.process.pid

    def check(self, name):
        if self.process.poll() is not None:
            sys.exit(f"{Path(sys.argv[0]).name}: {name} ended with code {self.process.returncode}: {self.log.read_text(errors='replace')[-2000:]}")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        """Asks the program to end, and returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode
