"""The daemon as a service: reloads, a long run, many clients of the page, a service manager that does not read."""
import random, socket, struct, time

from . import mqtt
from .harness import MODEL, NEIGHBOUR, RATE, Row, at_least, at_most, equal, need, wait_for


def reloads(context):
    """SIGHUP with good, bad and torn configurations under 20 streams."""
    times, streams = (300 if context.long else 60), 20
    sources = "".join(f'[[source]]\nkind = "simulator"\nseed = {index}\nstream = "robot{index}"\n' for index in range(streams))
    daemon = context.daemon("[decide]\nmin_confidence = 0.5\n" + sources)
    need("all are served", lambda: len(daemon.predictions()) >= 2 * streams)
    good, chance, unanswered = daemon.config.read_text(), random.Random(6), 0
    for index in range(times):
        kind = index % 3
        changed = good.replace("min_confidence = 0.5", f"min_confidence = 0.{40 + index % 20}")
        if kind == 1:
            changed = changed.replace("[decide]", "[decided]")
        elif kind == 2:
            # Inside of a quoted path, so that what is left cannot be valid.
            changed = changed[:changed.index(MODEL.name) + chance.randrange(len(MODEL.name))]
        unanswered += daemon.reload(changed) is None
    metrics = daemon.metrics()
    done, refused = (int(metrics[f'underfoot_reloads_total{{result="{one}"}}']) for one in ("done", "refused"))
    load = f"{times} reloads, {streams} streams at {RATE} Hz"
    yield equal(load, "not answered", unanswered, 0)
    yield equal(load, "done", done, (times + 2) // 3)
    yield equal(load, "refused", refused, times - (times + 2) // 3)
    yield equal(load, "gaps", daemon.gaps(), 0)
    yield equal(load, "dropped", daemon.dropped(), 0)
    yield equal(load, "predictions missing", sum(daemon.missing(f"robot{index}") for index in range(streams)), 0)


def soak(context):
    """50 streams with 30,000 samples a second for minutes."""
    minutes, streams, rate, block = (30 if context.long else 2), 50, 600, 60
    broker = context.broker(extra="max_queued_messages 0\n")
    source = '[[source]]\nkind = "mqtt"\ntopic = "robots/{stream}/current"\nformat = "float32"\n'
    source += f'[source.time]\nunit = "none"\nrate = {rate}\n'
    daemon = context.daemon(source, broker=broker)
    chance = random.Random(7)
    payloads = [struct.pack(f"<{block}f", *(1.3 + chance.gauss(0, 0.1) for _ in range(block))) for _ in range(97)]
    sent, memory, begun = 0, [], time.monotonic()
    with mqtt.Client(broker.port) as client:
        while (passed := time.monotonic() - begun) < 60 * minutes:
            client.publish(f"robots/robot{sent % streams}/current", payloads[sent % 97])
            sent += 1
            if sent % (streams * rate // block * 5) == 0:
                memory.append((passed, daemon.memory()))
            pause = begun + sent * block / (streams * rate) - time.monotonic()
            if pause > 0:
                time.sleep(pause)
        wait_for("every sample has arrived", lambda: daemon.samples() >= sent * block, 10)
    settled = [value for at, value in memory if at > 12 * minutes]
    load = f"50 streams, {streams * rate:,} samples/s for {minutes} min"
    yield equal(load, f"of {sent * block / 1e6:.1f} M samples lost", int(sent * block - daemon.samples()), 0)
    yield equal(load, "dropped", daemon.dropped(), 0)
    figure = f"memory at the end, MiB (after a fifth of the time {settled[0]:.1f})"
    yield at_most(load, figure, settled[-1], settled[0] + 3, "{:.1f}")
    share = 100 * daemon.processor() / (time.monotonic() - begun)
    yield Row(load, f"processor share {share:.0f} %")


def slow_clients(context):
    """500 clients of the page that send and read almost nothing, then 1,000 event streams that nobody reads."""
    daemon = context.daemon(NEIGHBOUR)
    need("the robot is served", lambda: len(daemon.predictions()) >= 10)
    events = b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for name, count, request in ("clients that send a byte at a time", 500, b""), ("event streams", 1000, events):
        clients, alive, asked = [], 0, 10
        for _ in range(count):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", daemon.http))
            clients.append(client)
        for attempt in range(asked):
            for client in clients:
                try:
                    client.send(request if attempt == 0 and request else b"G")
                except OSError:
                    pass
            alive += daemon.get("/livez", 3.0)[0] == 200
            time.sleep(0.5)
        for client in clients:
            client.close()
        load = f"{count} {name}"
        yield at_least(load, f"of {asked} probes of /livez answered in 3 s", alive, asked - 1)
        yield equal(load, "predictions missing", daemon.missing(), 0)
        yield at_most(load, "peak memory, MiB", daemon.peak(), 64, "{:.0f}")
        wait_for("the page is free again", lambda: daemon.get("/livez")[0] == 200, 30)


def notify_unread(context):
    """The service manager's socket is bound, and nobody reads it."""
    seconds = 120 if context.long else 65
    path = context.path("notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        manager.bind(str(path))
        environment = {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "2000000"}
        daemon = context.daemon(NEIGHBOUR, environment=environment)
        begun, last = time.monotonic(), 0
        while time.monotonic() - begun < seconds:
            time.sleep(5)
            if (count := len(daemon.predictions())) == last:
                break
            last = count
        lasted = time.monotonic() - begun
        took = time.monotonic()
        code = daemon.stop(15)
        took = time.monotonic() - took
    load = "NOTIFY_SOCKET bound and unread, watchdog of 2 s"
    yield at_least(load, "s with predictions", round(lasted), seconds)
    yield equal(load, "exit code after SIGTERM", code, 0)
    yield at_most(load, "s until it ended", took, 10.0, "{:.1f}")


CASES = {"reloads": reloads, "soak": soak, "slow-clients": slow_clients, "notify-unread": notify_unread}
