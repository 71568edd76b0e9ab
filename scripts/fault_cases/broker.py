"""What a broker may do to the daemon: end, come back, refuse, fall silent, and keep what it should not."""
import json, random, shutil, socket, statistics, subprocess, threading, time

from . import mqtt
from .harness import (
    MQTT_SOURCE, NEIGHBOUR, Row, Skipped, at_least, at_most, equal, free_port, need, wait_for,
)
from .robots import Fleet

ROBOTS = ["one", "two", "three"]


def broker_killed(context):
    """Brokers are killed and started again, without and with persistence, each under three robots at 200 Hz."""
    for persistence in False, True:
        units, kills = (10, 50) if context.long else (5, 5)
        load = f"{units} x {kills} kills, persistence {'on' if persistence else 'off'}, 3 x 200 Hz each"
        units = [Killed(context, persistence, seed) for seed in range(units)]
        for unit in units:
            unit.thread.start()
        need("all are done", lambda: not any(unit.thread.is_alive() for unit in units), 60 + 60 * kills)
        back = [seconds for unit in units for seconds in unit.back]
        yield equal(load, "daemons that ended", sum(not unit.daemon.alive() for unit in units), 0)
        yield equal(load, "retained topics missing or wrong", sum(unit.wrong for unit in units), 0)
        yield equal(load, "times until back", len(back), len(units) * kills)
        yield at_most(load, "median s until back", statistics.median(back), 2.0, "{:.2f}")
        yield at_most(load, "longest s until back", max(back), 8.0, "{:.2f}")
        yield at_most(load, "memory grown by MiB", max(unit.grown for unit in units), 6.0, "{:.1f}")
        yield at_most(load, "descriptors grown by", max(unit.descriptors for unit in units), 1)
        for unit in units:
            unit.daemon.kill()
            unit.broker.kill()


class Killed:
    """A broker that is killed again and again, with its daemon and its robots."""

    # A connection that has lasted for 5 s is made again without a longer delay.
    HELD = 5.5

    def __init__(self, context, persistence, seed):
        self.broker = context.broker(persistence=persistence)
        self.daemon = context.daemon(MQTT_SOURCE, broker=self.broker)
        self.kills, self.chance = 50 if context.long else 5, random.Random(seed)
        self.back, self.wrong, self.grown, self.descriptors = [], 0, 0.0, 0
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        broker, daemon = self.broker, self.daemon
        with mqtt.Client(broker.port) as client, Fleet(client, ROBOTS, rate=200):
            need("the robots have a surface", lambda: len(daemon.predictions()) > 60)
            memory, descriptors = daemon.memory(), daemon.descriptors()
            for _ in range(self.kills):
                time.sleep(self.HELD + self.chance.uniform(0, 0.5))
                connects = daemon.metric("underfoot_mqtt_connects_total")
                broker.kill()
                time.sleep(self.chance.uniform(0, 0.5))
                broker.start()
                begun = time.monotonic()
                if wait_for("the daemon is back", lambda: is_back(daemon, connects), 30) is not None:
                    self.back.append(time.monotonic() - begun)
                if wait_for("the topics are right", lambda: not wrong_topics(broker, daemon), 10) is None:
                    self.wrong += 1
            wait_for("descriptors settle", lambda: daemon.descriptors() <= descriptors, 5)
            self.grown, self.descriptors = daemon.memory() - memory, daemon.descriptors() - descriptors


def broker_flapping(context):
    """A broker that is killed and started again in quick succession."""
    broker = context.broker()
    daemon = context.daemon(NEIGHBOUR, broker=broker)
    for _ in range(6):
        connects = daemon.metric("underfoot_mqtt_connects_total")
        broker.kill()
        broker.start()
        need("the daemon is back", lambda: is_back(daemon, connects), 60)
    load = "6 kills, each as soon as the daemon is back"
    yield equal(load, "told as a second client of its name", daemon.text().count("another client has the same name"), 0)
    yield equal(load, "predictions missing on standard output", daemon.missing(), 0)


def is_back(daemon, connects):
    metrics = daemon.metrics()
    return metrics.get("underfoot_mqtt_connected") == 1 and metrics.get("underfoot_mqtt_connects_total", 0) > connects


def wrong_topics(broker, daemon):
    """The retained topics that are missing, or are not what the daemon decided last."""
    found = mqtt.retained(broker.port, "underfoot/#", 0.15)
    last = {one["stream"]: one["surface"] for one in daemon.predictions()[-30:]}
    wanted = ["underfoot/status", "underfoot/info", *(f"underfoot/{robot}/surface" for robot in ROBOTS)]
    wrong = [topic for topic in wanted if topic not in found]
    if not wrong:
        wrong += ["underfoot/status"] if b"online" not in found["underfoot/status"] else []
        wrong += [one for one in ROBOTS if json.loads(found[f"underfoot/{one}/surface"])["surface"] != last.get(one)]
    return wrong


def retained_large(context):
    """One retained message of 33 MB on a topic that the daemon subscribes to."""
    broker = context.broker()
    with mqtt.Client(broker.port) as client:
        client.publish("robots/big/current", b"1.0\n" * (33 << 18), retain=True)
        need("the broker has it", lambda: "robots/big/current" in mqtt.retained(broker.port, "robots/#", 2.0), 30)
        daemon = context.daemon(MQTT_SOURCE, broker=broker)
        with Fleet(client, ["good"]):
            begun = time.monotonic()
            wait_for("the other robot is served", lambda: len(daemon.predictions("good")) >= 100, 30)
            took = time.monotonic() - begun
        metrics = daemon.metrics()
    load = "33 MB retained, beside a robot at 100 Hz"
    yield at_most(load, "s until the robot has 100 predictions", took, 20.0, "{:.1f}")
    yield at_most(load, "connections", metrics.get("underfoot_mqtt_connects_total", 0), 2)
    yield equal(load, "its topic is named in the log:", "robots/big/current" in daemon.text(), True)
    yield at_least(load, "counted", daemon.dropped("too_large") + daemon.dropped("retained"), 1)
    yield Row(load, f"peak memory {daemon.peak():.0f} MiB")


def rotating_names(context):
    """Robots with ever new names, each gone before limits.idle, and a restart of the broker afterwards."""
    seconds = 120 if context.long else 100
    load = f"110 new names a second for {seconds} s, limits.idle = 1 s"
    broker = context.broker()
    config = '[limits]\nidle = "1s"\nsilence = "500ms"\n' + MQTT_SOURCE + NEIGHBOUR
    daemon = context.daemon(config, broker=broker)
    # Enough samples for a window each, so that each name gets a surface.
    rows = "".join(f"{at / 100:.2f},{1 + at % 7 / 10}\n" for at in range(120))
    shares, latencies, memories = [], [], []
    with mqtt.Client(broker.port) as client:
        begun, sent, mark = time.monotonic(), 0, None
        while (passed := time.monotonic() - begun) < seconds:
            while sent < passed * 110:
                client.publish(f"robots/name-{sent}/current", rows)
                sent += 1
            if mark is None or passed - mark[0] >= 8:
                now = (passed, daemon.processor(), latency(daemon))
                if mark:
                    shares.append(100 * (now[1] - mark[1]) / (now[0] - mark[0]))
                    count = max(now[2][1] - mark[2][1], 1)
                    latencies.append(1000 * (now[2][0] - mark[2][0]) / count)
                    memories.append((sent, daemon.memory()))
                mark = now
            time.sleep(0.005)
        need("the last names are forgotten", lambda: daemon.metric("underfoot_streams") == 1, 15)
        broker.kill()
        broker.start()
        need("the daemon is back", lambda: daemon.metric("underfoot_mqtt_connected") == 1, 30)
        need("the neighbour is published again", lambda: mqtt.retained(broker.port, "underfoot/neighbour/surface", 0.3), 15)
        left = [topic for topic in mqtt.retained(broker.port, "underfoot/#") if "name-" in topic]
    (first, low), (last, high) = memories[0], memories[-1]
    yield at_most(load, f"processor share at the end, % (at first {shares[0]:.0f})", shares[-1], 1.5 * shares[0] + 5, "{:.0f}")
    yield at_most(load, f"latency at the end, ms (at first {latencies[0]:.1f})", latencies[-1], 2 * latencies[0] + 2, "{:.1f}")
    yield at_most(load, "memory, B a name", (high - low) * 2**20 / max(last - first, 1), 150, "{:.0f}")
    yield equal(load, f"of {sent} names, published again after a restart of the broker", len(left), 0)
    yield equal(load, "predictions of a robot beside missing", daemon.missing(), 0)


def latency(daemon):
    metrics = daemon.metrics()
    return metrics.get("underfoot_latency_seconds_sum", 0.0), metrics.get("underfoot_latency_seconds_count", 0.0)


def rotated_password(context):
    """The password changes at the broker and in the daemon's password_file, and the broker restarts."""
    tool = shutil.which("mosquitto_passwd")
    if tool is None:
        raise Skipped("mosquitto_passwd is not installed; apt-get install mosquitto")
    users, secret = context.path("users"), context.path("password")
    users.touch(mode=0o600)
    secret.touch(mode=0o600)

    def rotate(password):
        subprocess.run([tool, "-b", users, "rover", password], check=True, capture_output=True)
        secret.write_text(password + "\n")

    rotate("first")
    broker = context.broker(anonymous=False, extra=f"password_file {users}\n")
    daemon = context.daemon(f'[mqtt]\nusername = "rover"\npassword_file = "{secret}"\n' + NEIGHBOUR, broker=broker)
    need("connected with the first password", lambda: daemon.metric("underfoot_mqtt_connected") == 1)
    need("predictions", lambda: len(daemon.predictions("neighbour")) >= 2)
    rotate("second")
    broker.kill()
    broker.start()
    begun = time.monotonic()
    wait_for("connected with the second password", lambda: daemon.metric("underfoot_mqtt_connects_total") >= 2, 20)
    load = "password rotated on both sides, broker restarted"
    yield at_most(load, "s until back, without a reload", time.monotonic() - begun, 15.0, "{:.1f}")
    yield equal(load, "predictions missing", daemon.missing(), 0)


def retained_samples(context):
    """The broker keeps samples of a robot that is gone, and an old sample of one that drives; it restarts once."""
    broker = context.broker(persistence=True)
    with mqtt.Client(broker.port) as client:
        client.publish("robots/ghost/current", "5.0,1.25\n", retain=True)
        client.publish("robots/good/current", "0.5,1.25\n", retain=True)
        need("the broker has both", lambda: len(mqtt.retained(broker.port, "robots/#", 0.3)) == 2)
        daemon = context.daemon(MQTT_SOURCE, broker=broker)
        need("subscribed", lambda: is_back(daemon, 0))
        with Fleet(client, ["good"]):
            need("the robot is served", lambda: len(daemon.predictions("good")) >= 30)
            missing, before = daemon.missing("good"), daemon.predictions("good")[-1]["t"]
            broker.stop()
            broker.start()
            need("the daemon is back", lambda: is_back(daemon, 1), 30)
            need("the robot is served again", lambda: daemon.predictions("good")[-1]["t"] > before + 3)
            metrics = daemon.metrics()
    load = "2 retained samples, one of them of a robot that drives, 2 connections"
    yield equal(load, "streams", int(metrics["underfoot_streams"]), 1)
    yield equal(load, "counted as retained", daemon.dropped("retained"), 4)
    yield equal(load, "restarts of the robot that drives", int(metrics['underfoot_gaps_total{reason="restart"}']), 0)
    yield equal(load, "its predictions missing on the first connection", missing, 0)


def no_puback(context):
    """A broker that acknowledges connections, subscriptions and pings, but no message."""
    port, seen = free_port(), {"connects": 0, "predictions": 0}
    listener = socket.create_server(("127.0.0.1", port))
    threading.Thread(target=mute_broker, args=(listener, seen), daemon=True).start()
    with listener:
        daemon = context.daemon('[mqtt]\nkeep_alive = "5s"\n[publish]\nhealth = "1s"\n' + NEIGHBOUR, broker=port)
        need("connected", lambda: seen["connects"] == 1)
        begun = time.monotonic()
        wait_for("connected again", lambda: seen["connects"] >= 2, 75)
        took = time.monotonic() - begun
        before = seen["predictions"]
        time_left = wait_for("predictions go on", lambda: seen["predictions"] >= before + 50, 15)
    load = "no PUBACK, keep_alive = 5 s"
    yield at_most(load, "s until it connects again", took, 60.0, "{:.0f}")
    yield equal(load, "predictions go on after that:", time_left is not None, True)
    yield equal(load, "predictions missing on standard output", daemon.missing(), 0)


def mute_broker(listener, seen):
    def serve(connection):
        with connection:
            stream = mqtt.Stream(connection)
            try:
                while True:
                    kind, flags, body = stream.next()
                    if kind == mqtt.CONNECT:
                        seen["connects"] += 1
                        connection.sendall(mqtt.packet(mqtt.CONNACK, b"\0\0"))
                    elif kind == mqtt.SUBSCRIBE:
                        connection.sendall(mqtt.packet(mqtt.SUBACK, body[:2] + b"\1"))
                    elif kind == mqtt.PINGREQ:
                        connection.sendall(mqtt.packet(mqtt.PINGRESP))
                    elif kind == mqtt.PUBLISH and mqtt.split(flags, body)[0].endswith("/prediction"):
                        seen["predictions"] += 1
            except (OSError, ConnectionError):
                pass

    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=serve, args=(connection,), daemon=True).start()


CASES = {
    "broker-killed": broker_killed, "broker-flapping": broker_flapping,
    "retained-large": retained_large, "rotating-names": rotating_names,
    "rotated-password": rotated_password, "retained-samples": retained_samples, "no-puback": no_puback,
}
