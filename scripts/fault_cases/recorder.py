"""What may happen to recordings: the power goes, the disk is full, the load is high, the last line is torn."""
import os, random, shutil, statistics, subprocess, time
from pathlib import Path

from . import mqtt
from .harness import MODEL, MQTT_SOURCE, Row, Skipped, at_most, equal, need, wait_for
from .robots import Fleet, drive

# Otherwise the broker itself drops messages of a burst, and the recorder would be blamed.
PATIENT = "max_queued_messages 0\n"


def recording(folder):
    return f'[record]\nfolder = "{folder}"\n'


def rows(folder):
    """The whole rows of all recordings in a folder: those that end with a newline, without headers."""
    return sum(max(file.read_bytes().count(b"\n") - 1, 0) for file in Path(folder).rglob("*.csv"))


def killed_recording(context):
    """kill -9 while five robots are recorded at 100 Hz."""
    kills = 100 if context.long else 10
    broker, chance, lost, torn = context.broker(extra=PATIENT), random.Random(4), [], 0
    names = [f"robot{index}" for index in range(5)]
    with mqtt.Client(broker.port) as client, Fleet(client, names, wall=True):
        for kill in range(kills):
            folder = context.path(f"recordings{kill}")
            daemon = context.daemon(recording(folder) + MQTT_SOURCE, broker=broker)
            need("recordings are on the disk", lambda: rows(folder) > 50 * len(names))
            time.sleep(chance.uniform(0, 1))
            daemon.process.kill()
            at = time.time()
            daemon.process.wait()
            for file in folder.rglob("*.csv"):
                whole, _, rest = file.read_bytes().rpartition(b"\n")
                torn += bool(rest)
                lost.append(at - float(whole.rsplit(b"\n", 1)[-1].split(b",")[0]))
    load = f"{kills} kills, {len(lost)} files"
    yield equal(load, "files", len(lost), kills * len(names))
    yield at_most(load, "mean s lost", statistics.mean(lost), 0.9, "{:.2f}")
    yield at_most(load, "most s lost", max(lost), 1.5, "{:.2f}")
    yield Row(load, f"torn last lines {torn}")


def full_disk(context):
    """The disk of the recordings fills up, and has room again later."""
    folder = context.path("disk")
    folder.mkdir()
    unshare = ["unshare", "--mount"] + ([] if os.getuid() == 0 else ["--map-root-user"])
    script = f'mount -t tmpfs -o size=2m tmpfs "{folder}" && exec "$@"'
    wrap = [*unshare, "sh", "-c", script, "sh"]
    if shutil.which("unshare") is None or subprocess.run([*wrap, "true"], capture_output=True).returncode != 0:
        raise Skipped("a small file system cannot be mounted here: neither root nor user namespaces")
    broker = context.broker(extra=PATIENT)
    config = recording(folder / "recordings") + MQTT_SOURCE
    with mqtt.Client(broker.port) as client:
        daemon = context.daemon(config, broker=broker, wrap=wrap)
        seen = Path(f"/proc/{daemon.pid}/root{folder}")
        with Fleet(client, ["one", "two"], rate=200) as fleet:
            need("recordings are on the disk", lambda: rows(seen) > 200)
            with open(seen / "ballast", "wb", buffering=0) as ballast:
                try:
                    while ballast.write(bytes(4096)):
                        pass
                except OSError:
                    pass
            need("the disk is noticed to be full", lambda: daemon.dropped("not_recorded") > 0, 60)
            warned = "cannot be written" in daemon.text()
            (seen / "ballast").unlink()
            before, begun = rows(seen), time.monotonic()
            wait_for("recording is back", lambda: rows(seen) > before + 100, 30)
            took = time.monotonic() - begun
        sent = fleet.sent
        need("every sample has arrived", lambda: daemon.samples() == sent)
        # The last rows are written through within a second.
        wait_for("every row is written or counted", lambda: rows(seen) + daemon.dropped("not_recorded") >= sent, 3)
        written, counted = rows(seen), daemon.dropped("not_recorded")
    load = "2 MB, two robots at 200 Hz"
    yield at_most(load, "s until recording is back", took, 13.0, "{:.1f}")
    yield equal(load, "said in the log:", warned, True)
    yield equal(load, f"of {sent} samples neither recorded nor counted", max(sent - written - counted, 0), 0)
    yield equal(load, "predictions missing", daemon.missing("one") + daemon.missing("two"), 0)
    yield at_most(load, "peak memory, MiB", daemon.peak(), 64, "{:.0f}")


def recorder_load(context):
    """Many streams at once are recorded without a lost row, and bursts of samples without much memory."""
    seconds = 120 if context.long else 20
    for streams, rate in (100, 50), (1000, 10):
        broker, folder = context.broker(extra=PATIENT), context.path(f"recordings{streams}")
        limits = f"[limits]\nstreams = {2 * streams}\n"
        daemon = context.daemon(recording(folder) + limits + MQTT_SOURCE, broker=broker)
        with mqtt.Client(broker.port) as client:
            with Fleet(client, [f"robot{index}" for index in range(streams)], rate=rate) as fleet:
                time.sleep(seconds)
            wait_for("every sample has arrived", lambda: daemon.samples() >= fleet.sent, 20)
        arrived, counted, peak = int(daemon.samples()), daemon.dropped("not_recorded"), daemon.peak()
        code = daemon.stop(30)
        written = rows(folder)
        load = f"{streams} streams at {rate} Hz for {seconds} s"
        yield equal(load, f"of {fleet.sent} samples not arrived", fleet.sent - arrived, 0)
        yield equal(load, "rows lost", arrived - written, 0)
        yield equal(load, "of these not counted", max(arrived - written - counted, 0), 0)
        yield at_most(load, "peak memory, MiB", peak, 128, "{:.0f}")
        yield equal(load, "exit code", code, 0)

    broker, folder = context.broker(extra=PATIENT), context.path("bursts")
    daemon = context.daemon(recording(folder) + MQTT_SOURCE, broker=broker)
    burst = b"1\n" * 524_288
    with mqtt.Client(broker.port) as client:
        begun, sent = time.monotonic(), 0
        while time.monotonic() - begun < seconds / 2:
            client.publish("robots/burst/current", burst)
            sent += 1
            time.sleep(max(begun + sent / 10 - time.monotonic(), 0))
        need("the daemon is not behind", lambda: daemon.get("/livez")[0] == 200, 60)
    load = f"{sent} payloads of 524,288 samples at 10 a second"
    yield at_most(load, "peak memory, MiB", daemon.peak(), 256, "{:.0f}")
    yield equal(load, "exit code", daemon.stop(30), 0)


def late_while_recording(context):
    """A late sample is counted once, recorded or not."""
    broker = context.broker()
    daemon = context.daemon(recording(context.path("recordings")) + MQTT_SOURCE, broker=broker)
    with mqtt.Client(broker.port) as client:
        times = [10.0, 10.01, 10.02, 10.03, 10.015, 10.04]
        for at in times:
            client.publish("robots/one/current", f"{at},1.5\n")
        need("all have arrived", lambda: daemon.samples() == len(times))
        wait_for("it is counted", lambda: daemon.dropped("late"), 5)
        # The recorder counts on a thread of its own, when it writes through.
        wait_for("it is counted twice", lambda: daemon.dropped("late") > 1, 3)
        late = daemon.dropped("late")
    yield equal("1 late sample of 6, recorded", "counted", late, 1)


def torn_last_line(context):
    """A recording whose last row is cut at each place where it may be."""
    values = drive(1)
    whole = "t,current\n" + "".join(f"{at / 100:.2f},{values[at % 1000]:.4f}\n" for at in range(400))
    start = whole.rindex("\n", 0, -1) + 1
    cuts = range(start + 1, len(whole) - 1)
    silent = 0
    for end in [len(whole), *cuts]:
        file = context.path(f"cut{end}.csv")
        file.write_text(whole[:end])
        run = context.tool("replay", "--model", MODEL, file)
        said = run.stderr.decode(errors="replace")
        named = any(word in said for word in ("malformed", "torn", "newline", "last line"))
        if end < len(whole):
            silent += not named
        elif run.returncode != 0 or named:
            raise RuntimeError(f"the whole recording cannot be replayed: {said}")
    yield equal(f"{len(cuts)} cuts of {whole[start:].strip()}", "used without a word", silent, 0)


CASES = {
    "killed-recording": killed_recording, "full-disk": full_disk, "recorder-load": recorder_load,
    "late-once": late_while_recording, "torn-last-line": torn_last_line,
}
