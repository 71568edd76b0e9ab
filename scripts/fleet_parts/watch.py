"""Those who look: subscribers of the results, and readers of what the nodes print."""
import array, fcntl, json, os, re, select, time

from . import mqtt

SEEN = re.compile(rb'underfoot/r(\d{6})/(?:prediction\{"t":(-?[\d.]+),"surface":"([^"]*)"|surface(\{[^}]*\}))')
PRINTED = re.compile(rb'\{"stream":"r(\d{6})","t":(-?[\d.]+),"surface":"([^"]*)"')
FILTERS = ("underfoot/+/surface", "underfoot/+/prediction")


class Predictions:
    """Predictions as they came: the robot, its time, when it came, who said it, and the number of its surface."""

    def __init__(self):
        self.robot, self.time, self.came = array.array("I"), array.array("d"), array.array("d")
        self.source, self.surface, self.names = array.array("H"), array.array("B"), {}

    def add(self, robot, at, now, source, surface):
        self.robot.append(int(robot))
        self.time.append(float(at))
        self.came.append(now)
        self.source.append(source)
        self.surface.append(self.names.setdefault(surface, len(self.names)))


def subscriber(pipe, stop, which, ports, places):
    """Reads surfaces and predictions from one server, and from another one when it is gone. Notes when it was blind.

    `places` has the servers of both subscribers, so that they avoid each other.
    """
    predictions, surfaces, blind, problems = Predictions(), [], [], []
    client, waiting, turn, lost = None, bytearray(), which, time.monotonic()
    told = False
    while not stop.is_set():
        if client is None:
            try:
                turn += turn % 3 == places[1 - which]
                client = mqtt.connect(("127.0.0.1", ports[turn % 3]), f"fleet-faults-{os.getpid()}-{which}-{len(blind)}", timeout=3)
                mqtt.subscribe(client, FILTERS)
                answer = client.recv(1 << 16)
                if not answer:
                    raise ConnectionError("closed")
                waiting[:] = answer
                blind.append((lost, time.monotonic()))
                places[which] = turn % 3
                client.settimeout(0.2)
                if not told:
                    pipe.send("ready")
                    told = True
            except OSError as why:
                problems.append((time.monotonic(), str(why)))
                if client:
                    client.close()
                client, turn = None, turn + 1
                time.sleep(0.1)
                continue
        try:
            received = client.recv(1 << 18)
        except TimeoutError:
            continue
        except OSError:
            received = b""
        now = time.monotonic()
        waiting += received
        end = 0
        for found in SEEN.finditer(waiting):
            end = found.end()
            robot, at, surface, change = found.groups()
            if change is None:
                predictions.add(robot, at, now, which, surface)
            else:
                # The fixed header is five bytes before the topic; its last bit says that the message was retained.
                retained = found.start() >= 5 and waiting[found.start() - 5] & 1
                try:
                    change = json.loads(change)
                except ValueError:
                    problems.append((now, repr(bytes(change))))
                    continue
                surfaces.append((int(robot), change["t"], now, bool(retained), change["surface"], change.get("previous"),
                                 change.get("reason"), change.get("node")))
        del waiting[:end]
        if not received:
            client.close()
            client, turn, lost = None, turn + 1, now
            waiting.clear()
    if client is None:
        blind.append((lost, time.monotonic()))
    pipe.send((predictions, surfaces, blind, problems))


def retained(ports, robots):
    """The retained surface of each robot, as a new subscriber gets it, and how often that had to subscribe.

    The gateway of a server that was started again reads the retained messages when its first client comes, and gives that one
    only those that it has read until then.
    """
    for times in range(1, 6):
        found = retained_once(ports)
        if len(found) >= robots:
            break
        time.sleep(1)
    return found, times


def retained_once(ports):
    """The retained surface of each robot, as a new subscriber of the first server that answers gets it."""
    for port in ports:
        try:
            client = mqtt.connect(("127.0.0.1", port), f"fleet-faults-{os.getpid()}-end", timeout=6)
        except OSError:
            continue
        with client:
            mqtt.subscribe(client, FILTERS[:1])
            client.settimeout(2)
            found = {}
            for kind, packet in mqtt.packets(client):
                if kind >> 4 == 3 and kind & 1:
                    size = int.from_bytes(packet[:2], "big")
                    name = packet[2:2 + size].decode().split("/")[1]
                    found[int(name[1:])] = json.loads(packet[2 + size:])
        if found:
            return found
    return {}


def reader(pipe, stop, paths):
    """Reads what the nodes print. A node that is started again writes to the same pipe."""
    predictions = Predictions()
    poll, files = select.poll(), {}
    for source, path in enumerate(paths):
        # Open for writing too, so that it does not end with the node.
        fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(fd, 1031, 1 << 20)  # F_SETPIPE_SZ
        poll.register(fd, select.POLLIN)
        files[fd] = [source, bytearray()]
    pipe.send("ready")
    while not stop.is_set():
        for fd, _ in poll.poll(200):
            source, waiting = files[fd]
            waiting += os.read(fd, 1 << 20)
            now, end = time.monotonic(), 0
            for found in PRINTED.finditer(waiting):
                end = found.end()
                predictions.add(found[1], found[2], now, source, found[3])
            del waiting[:end]
    pipe.send(predictions)
