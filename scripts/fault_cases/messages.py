"""What the payloads and topics of messages may hold."""
import random

from . import mqtt
from .harness import MQTT_SOURCE, NEIGHBOUR, Row, at_most, equal, need, wait_for
from .robots import Fleet, drive

REPEATS = 50


def payloads():
    """Payloads by name. None of them is a sample that can be used as it is, and none is empty."""
    chance = random.Random(5)
    return {
        "random bytes": chance.randbytes(3001),
        "not UTF-8": b"\xff\xfe\x00\x01,\xc3\x28\n",
        "NUL bytes": bytes(500),
        "100,000 open lists": b"[" * 100_000,
        "100,000 open objects": b'{"a":' * 100_000,
        "an object that never ends": b'{"current": 1.5, "t": 1.0',
        "a number of 100,000 digits": b"9" * 100_000 + b"\n",
        "a number too large": b'{"current": 1e999}',
        "NaN": b"0.5,NaN\n",
        "an infinity": b"0.5,-inf\n",
        "a time too large": b"1e300,1.5\n",
        "a time below the range": b"-9223372036854775809,1.5\n",
        "a time in text": b"yesterday,1.5\n",
        "null": b"null",
        "a value that is an object": b'{"current": {"value": {}}, "t": 0.5}',
        "too many columns": b"0.5,1.5,2.5,3.5\n",
        "a payload over the limit": b"1.5\n" * 300_000,
        "a line of 1 MB": b"1" * 1_000_000,
    }


def garbage(context):
    """Garbage, deep nesting and extreme numbers in messages, and odd topics, beside a robot at 100 Hz."""
    broker = context.broker(extra="max_queued_messages 0\n")
    daemon = context.daemon(MQTT_SOURCE, broker=broker)
    unnoticed = []
    with mqtt.Client(broker.port) as client, Fleet(client, ["good"]):
        need("the robot is served", lambda: len(daemon.predictions("good")) >= 20)
        for index, (name, payload) in enumerate(payloads().items()):
            before = daemon.dropped()
            for _ in range(REPEATS):
                client.publish(f"robots/bad-{index}/current", payload)
            if wait_for("each is counted", lambda: daemon.dropped() >= before + REPEATS, 15) is None:
                unnoticed.append(name)
        before, names = daemon.dropped("stream_name"), ["\x1b[31m", "a" * 65, "a\nb", ".", "..", "\u202e", " "]
        for name in names:
            client.publish(f"robots/{name}/current", "1.5\n")
        wait_for("topics are counted", lambda: daemon.dropped("stream_name") >= before + len(names) - 2, 3)
    load = f"{len(payloads())} kinds of payload, {REPEATS} each"
    figure = f"not counted: {', '.join(unnoticed) or 'none'}"
    yield Row(load, figure, "none", not unnoticed)
    yield equal(load, "raw control characters in the log", sum(byte in daemon.text() for byte in "\x1b\0\x07"), 0)
    yield equal(load, "predictions of the robot beside missing", daemon.missing("good"), 0)
    yield equal(load, "predictions without probabilities", probability_nulls(daemon), 0)
    yield at_most(load, "peak memory, MiB", daemon.peak(), 64, "{:.0f}")


def probability_nulls(daemon):
    """Nulls in the predictions. Those that stand for a drift that is not known yet, and for what the model does not say,
    are no fault."""
    out = daemon.out.read_bytes()
    return out.count(b":null,\"") - sum(out.count(b'"%s":null,"' % key) for key in (b"drift", b"novelty", b"candidates"))


def extreme_values(context):
    """Finite values near the ends of f32 give probabilities, or an unknown surface, but never null."""
    broker = context.broker()
    daemon = context.daemon(MQTT_SOURCE + NEIGHBOUR, broker=broker)
    values = drive(1)
    need("the robot beside is served", lambda: len(daemon.predictions("neighbour")) >= 10)
    with mqtt.Client(broker.port) as client:
        for at in range(600):
            value = ("3e38", "-3e38", "1e-45", "3.4028235e38")[at % 4] if 200 <= at < 400 else f"{values[at]:.4f}"
            client.publish("robots/one/current", f"{at / 100:.2f},{value}\n")
        need("all have arrived", lambda: daemon.metric('underfoot_samples_total{source="mqtt0"}') == 600)
        wait_for("predicted", lambda: len(daemon.predictions("one")) >= 51, 5)
    predictions = daemon.predictions("one")
    null = sum(any(value is None for value in one["probabilities"].values()) for one in predictions)
    yield equal("200 of 600 samples at 3e38 A", "predictions with null probabilities", null, 0)
    yield equal("200 of 600 samples at 3e38 A", "predictions of a robot beside missing", daemon.missing(), 0)


def bursts(context):
    """Bursts of 2,000 messages through a broker with its default settings, as after a radio shadow."""
    broker = context.broker()
    daemon = context.daemon(MQTT_SOURCE, broker=broker)
    values, count, times = drive(2), 2000, 10
    with mqtt.Client(broker.port) as client:
        need("subscribed", lambda: daemon.metric("underfoot_mqtt_connected") == 1)
        for burst in range(times):
            for at in range(burst * count, (burst + 1) * count):
                client.publish("robots/one/current", f"{at / 1000:.3f},{values[at % 1000]:.4f}\n")
            wait_for("all have arrived", lambda: daemon.samples() >= (burst + 1) * count, 5)
        arrived = int(daemon.samples())
    load = f"{times} bursts of {count} messages"
    lost = times * count - arrived
    said = "lost" in daemon.text() or "queue" in daemon.text()
    yield equal(load, "lost in the broker without a word", 0 if said else lost, 0)
    yield Row(load, f"lost in the broker {lost}")
    yield at_most(load, "peak memory, MiB", daemon.peak(), 64, "{:.0f}")


CASES = {"bursts": bursts, "garbage": garbage, "extreme-values": extreme_values}
