"""Simulated robots that publish a message with the samples of a second each second, and keep what was not stored.

A robot has one message on its way at a time, and sends it again until the stream has acknowledged it; what it has to say
meanwhile waits. If it had to send a message again, it waits for longer with the next one, as TCP does, because servers that
are slow do not become faster by storing everything twice. So the stream has all messages of a robot in order, and it is
known when each of them was stored.
"""
import array, collections, math, os, re, select, time

from .drives import TRACKS
from .nats import NatsLink

SLOTS = 100  # parts of a second; the robots of a part send together
TIMEOUT = 1.0  # seconds after which a message that was not acknowledged is sent again, and then after 2, 4 and 8
PATIENCE = 8  # how many of these at most
FIRST = 1000  # the time of the first sample, in s
ACK = re.compile(rb"MSG \S+\.(\d+)\.(\d+) 1 \d+\r\n(\{[^\r]*\})\r\n")


class Robots:
    """All robots, and their three connections."""

    def __init__(self, ports, count, seconds, drives):
        self.ports, self.count, self.drives = ports, count, drives
        self.stored = [array.array("d", [math.nan]) * seconds for _ in range(count)]
        self.waiting = [collections.deque() for _ in range(count)]
        self.sent = [None] * count  # the second of the message on its way
        self.patience = [1] * count  # how many deadlines it is waited for the acknowledgement
        self.left_to_wait = [0] * count  # how many of them are left
        self.sent_again = [False] * count
        self.deadlines = collections.deque()
        self.links, self.out, self.left, self.inbox = [None] * 3, [bytearray() for _ in range(3)], [b""] * 3, [b""] * 3
        self.connections, self.payloads = 0, {}
        self.again = self.refused = 0
        self.poll = select.poll()
        self.of_link = {}
        for which in range(3):
            self.connect(which)

    def connect(self, which):
        """Connects to the next server that takes the connection, and sends again what was on its way."""
        if old := self.links[which]:
            self.poll.unregister(old.socket)
            del self.of_link[old.socket.fileno()]
            old.socket.close()
            self.links[which] = None
        self.connections += 1
        inbox = b"_INBOX.%d.%d" % (os.getpid(), self.connections)
        for turn in range(3):
            try:
                link = NatsLink(self.ports[(which + self.connections + turn) % 3 if self.connections > 3 else which], inbox + b".>")
            except OSError:
                continue
            link.socket.setblocking(False)
            self.poll.register(link.socket, select.POLLIN)
            self.of_link[link.socket.fileno()] = which
            self.links[which], self.inbox[which], self.left[which] = link, inbox, b""
            self.out[which].clear()
            for robot in range(which, self.count, 3):
                if self.sent[robot] is not None:
                    self.again += 1
                    self.send(robot, self.sent[robot])
            return

    def payload(self, track, second):
        if (track, second) not in self.payloads:
            values = self.drives[track]
            values = values[second % len(values)]
            rows = ",".join(f"[{FIRST + second}.{step:02d},{value}]" for step, value in enumerate(values))
            self.payloads[track, second] = f'{{"samples":[{rows}]}}'.encode()
        return self.payloads[track, second]

    def forget_payloads(self, second):
        """Forgets the payloads of seconds that no robot has to send any more."""
        oldest = min((self.sent[robot] for robot in range(self.count) if self.sent[robot] is not None), default=second)
        for key in [key for key in self.payloads if key[1] < oldest]:
            del self.payloads[key]

    def send(self, robot, second):
        which = robot % 3
        self.sent[robot] = second
        self.left_to_wait[robot] = self.patience[robot]
        self.deadlines.append((time.monotonic() + TIMEOUT, robot, second))
        if self.links[which]:
            payload = self.payload(robot % TRACKS, second)
            self.out[which] += b"PUB robots.r%06d.current %s.%d.%d %d\r\n%s\r\n" % (robot, self.inbox[which], robot, second, len(payload), payload)

    def due(self, robot, second):
        if self.sent[robot] is None:
            self.send(robot, second)
        else:
            self.waiting[robot].append(second)

    def flush(self):
        for which, link in enumerate(self.links):
            if link and self.out[which]:
                try:
                    del self.out[which][:link.socket.send(bytes(self.out[which][:1 << 20]))]
                except BlockingIOError:
                    pass
                except OSError:
                    self.connect(which)

    def turn(self, until):
        """Reads acknowledgements, and sends what they allow and what was not acknowledged, until this time."""
        while True:
            now = time.monotonic()
            while self.deadlines and self.deadlines[0][0] <= now:
                _, robot, second = self.deadlines.popleft()
                if self.sent[robot] != second:
                    continue
                self.left_to_wait[robot] -= 1
                if self.links[robot % 3] and self.left_to_wait[robot] <= 0:
                    self.again += 1
                    self.sent_again[robot] = True
                    self.patience[robot] = min(PATIENCE, 2 * self.patience[robot])
                    self.send(robot, second)
                else:
                    self.deadlines.append((now + TIMEOUT, robot, second))
            self.flush()
            pause = until - time.monotonic()
            if any(self.out):
                pause = min(pause, 0.002)
            for fd, _ in self.poll.poll(max(0, pause) * 1000):
                self.receive(self.of_link[fd])
            if until <= time.monotonic():
                return

    def receive(self, which):
        link = self.links[which]
        try:
            received = self.left[which] + link.read()
        except BlockingIOError:
            return
        except OSError:
            self.connect(which)
            return
        now, end = time.monotonic(), 0
        for found in ACK.finditer(received):
            end = found.end()
            robot, second = int(found[1]), int(found[2])
            if self.sent[robot] != second:
                continue
            if b'"seq"' not in found[3]:
                self.refused += 1  # it is sent again when its time is over
                continue
            self.stored[robot][second] = now
            if not self.sent_again[robot]:
                self.patience[robot] = max(1, self.patience[robot] // 2)
            self.sent[robot], self.sent_again[robot] = None, False
            if self.waiting[robot]:
                self.send(robot, self.waiting[robot].popleft())
        self.left[which] = received[end:]
        if b"PING\r\n" in self.left[which]:
            self.left[which] = self.left[which].replace(b"PING\r\n", b"")
            self.out[which] += b"PONG\r\n"


def generate(pipe, ports, count, seconds, drives):
    """Sends the load, in a process of its own. Reports when it begins, then what became of it."""
    robots = Robots(ports, count, seconds, drives)
    parts = [range((slot * count + SLOTS - 1) // SLOTS, ((slot + 1) * count + SLOTS - 1) // SLOTS) for slot in range(SLOTS)]
    begun, late, used, tried = time.monotonic() + 0.5, [], time.process_time(), 0.0
    pipe.send(begun)
    for second in range(seconds):
        for slot, part in enumerate(parts):
            at = begun + second + slot / SLOTS
            robots.turn(at)
            for robot in part:
                robots.due(robot, second)
            late.append(time.monotonic() - at)
            if None in robots.links and time.monotonic() > tried + 0.2:
                tried = time.monotonic()
                robots.connect(robots.links.index(None))
        robots.forget_payloads(second)
    ended = time.monotonic()
    while any(second is not None for second in robots.sent) and time.monotonic() < ended + 10:
        robots.turn(time.monotonic() + 0.05)
    pipe.send(dict(stored=robots.stored, late=late, again=robots.again, refused=robots.refused, ended=ended,
                   cores=(time.process_time() - used) / (time.monotonic() - begun)))
