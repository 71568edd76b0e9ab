"""A client of MQTT 3.1.1 and the packets of a broker, as small as the cases need them.

It is not a general client: it has no inflight window and no persistence. In return it connects again within milliseconds,
takes payloads of any size, and can be told to break the protocol.
"""
import socket, struct, threading, time

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP = 1, 2, 3, 4, 8, 9, 12, 13


def text(value):
    encoded = value if isinstance(value, bytes) else value.encode()
    return struct.pack("!H", len(encoded)) + encoded


def packet(kind, body=b"", flags=0):
    length, size = b"", len(body)
    while True:
        size, low = divmod(size, 128)
        length += bytes([low | (0x80 if size else 0)])
        if not size:
            return bytes([kind << 4 | flags]) + length + body


def publish(topic, payload, retain=False, qos=0, identifier=1):
    number = struct.pack("!H", identifier) if qos else b""
    return packet(PUBLISH, text(topic) + number + payload, (qos << 1) | retain)


class Stream:
    """Splits the bytes of a socket into packets."""

    def __init__(self, connection):
        self.file = connection.makefile("rb")

    def exactly(self, size):
        data = self.file.read(size)
        if len(data) < size:
            raise ConnectionError("the connection was closed")
        return data

    def next(self):
        """Returns the kind, the flags and the body of the next packet."""
        first, size, shift = self.exactly(1)[0], 0, 0
        while True:
            byte = self.exactly(1)[0]
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return first >> 4, first & 15, self.exactly(size)


def split(flags, body):
    """The topic, the payload, whether it was retained, and the identifier of a PUBLISH packet."""
    size = struct.unpack_from("!H", body)[0]
    at, qos = 2 + size, flags >> 1 & 3
    identifier = struct.unpack_from("!H", body, at)[0] if qos else 0
    return body[2:at].decode(errors="replace"), body[at + (2 if qos else 0):], bool(flags & 1), identifier


class Client:
    """Keeps a connection to a broker, on a thread of its own, until it is closed.

    `message(topic, payload, retained)` is called for each message. What is published while there is no connection is lost,
    and `publish` then returns False.
    """

    def __init__(self, port, topics=(), message=None, user=None, password=None):
        self.port, self.topics, self.message, self.user, self.password = port, topics, message, user, password
        self.socket, self.closed, self.subscribed = None, False, threading.Event()
        # One for the socket itself, one so that packets of several threads are not mixed.
        self.lock, self.sending = threading.Lock(), threading.Lock()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def __enter__(self):
        if not self.subscribed.wait(20):
            raise RuntimeError(f"the broker on port {self.port} does not accept the case's own client")
        return self

    def __exit__(self, *_):
        self.closed = True
        self.drop()
        self.thread.join(5)

    def drop(self):
        with self.lock:
            if self.socket:
                try:
                    self.socket.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                self.socket = None
        self.subscribed.clear()

    def run(self):
        while not self.closed:
            try:
                self.serve()
            except (OSError, ConnectionError):
                pass
            self.drop()
            time.sleep(0.02)

    def serve(self):
        connection = socket.socket()
        with connection:
            connection.settimeout(10)
            connection.connect(("127.0.0.1", self.port))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            flags = 2 | (0x80 if self.user else 0) | (0x40 if self.password else 0)
            body = text("MQTT") + bytes([4, flags]) + struct.pack("!H", 0) + text(f"case-{id(self)}")
            body += text(self.user) if self.user else b""
            body += text(self.password) if self.password else b""
            connection.sendall(packet(CONNECT, body))
            stream = Stream(connection)
            if stream.next()[2][1] != 0:
                raise ConnectionError("refused")
            if self.topics:
                asked = b"".join(text(topic) + b"\0" for topic in self.topics)
                connection.sendall(packet(SUBSCRIBE, struct.pack("!H", 1) + asked, 2))
            connection.settimeout(None)
            with self.lock:
                self.socket = connection
            if not self.topics:
                self.subscribed.set()
            while True:
                kind, flags, body = stream.next()
                if kind == SUBACK:
                    self.subscribed.set()
                elif kind == PUBLISH and self.message:
                    topic, payload, retained, _ = split(flags, body)
                    self.message(topic, payload, retained)

    def publish(self, topic, payload, retain=False):
        connection = self.socket
        if connection is None:
            return False
        data = publish(topic, payload if isinstance(payload, bytes) else payload.encode(), retain)
        try:
            with self.sending:
                connection.sendall(data)
            return True
        except OSError:
            return False


def retained(port, pattern, seconds=1.0):
    """The retained messages below `pattern`, by topic: all that come until none has come for `seconds`."""
    found, last = {}, [time.monotonic()]

    def take(topic, payload, is_retained):
        if is_retained:
            found[topic] = payload
            last[0] = time.monotonic()

    with Client(port, [pattern], take):
        last[0] = time.monotonic()
        while time.monotonic() - last[0] < seconds:
            time.sleep(0.02)
    return found
