"""The text protocol of NATS, a cluster of three servers, and a balancer in front of their MQTT gateways."""
import json, multiprocessing, os, re, socket, subprocess, threading, time

from .processes import REPO, Running, free_ports

CONFIG = """server_name: n{number}
listen: "127.0.0.1:{nats}"
max_payload: 1MB
mqtt {{ listen: "127.0.0.1:{mqtt}", stream_replicas: 3, consumer_memory_storage: true, consumer_inactive_threshold: "10m" }}
jetstream {{ store_dir: "{folder}", max_memory_store: 3GB, max_file_store: 5GB }}
cluster {{ name: fleet, listen: "127.0.0.1:{route}", routes: [{routes}] }}
accounts {{
  FLEET {{
    jetstream: enabled
    mappings: {{ "robots.*.current": "fleet.{{{{partition(64,1)}}}}.robots.{{{{wildcard(1)}}}}.current" }}
    users: [{{ user: "fleet", password: "fleet" }}]
  }}
}}
no_auth_user: fleet
"""


class NatsLink:
    """A connection to a NATS server. Raises OSError if there is none."""

    def __init__(self, port, inbox):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=2)
        try:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            received = b""
            while b"\r\n" not in received:
                received += self.read()
            self.socket.sendall(b'CONNECT {"verbose":false,"pedantic":false,"headers":false,"protocol":1}\r\nSUB %s 1\r\nPING\r\n' % inbox)
            received = b""
            while b"PONG\r\n" not in received:
                received += self.read()
        except OSError:
            self.socket.close()
            raise

    def read(self):
        received = self.socket.recv(1 << 18)
        if not received:
            raise ConnectionError("the NATS server has closed the connection")
        return received


def request(port, subject, payload=b""):
    """Asks a server something, and returns its answer as JSON. Raises OSError if there is none."""
    link = NatsLink(port, b"_INBOX.ask.>")
    with link.socket:
        link.socket.sendall(b"PUB %s _INBOX.ask.1 %d\r\n%s\r\n" % (subject.encode(), len(payload), payload))
        link.socket.settimeout(5)
        received = b""
        while not (found := re.search(rb"MSG \S+ 1 (\d+)\r\n", received)) or len(received) < found.end() + int(found[1]):
            received += link.read()
        return json.loads(received[found.end():found.end() + int(found[1])])


class Cluster:
    """Three servers with the stream FLEET."""

    def __init__(self, folder):
        self.folder = folder
        ports = free_ports(9)
        self.nats, self.mqtt, self.routes = ports[:3], ports[3:6], ports[6:]
        self.program = subprocess.run([REPO / "scripts" / "fetch-nats-server"], check=True, capture_output=True, text=True).stdout.strip()
        self.servers, self.starts = [None] * 3, [0] * 3
        routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in self.routes)
        for index in range(3):
            home = folder / f"n{index + 1}"
            home.mkdir()
            (home / "nats.conf").write_text(CONFIG.format(
                number=index + 1, nats=self.nats[index], mqtt=self.mqtt[index], route=self.routes[index], folder=home / "js", routes=routes))

    def start(self, index):
        self.starts[index] += 1
        log = self.folder / f"n{index + 1}.{self.starts[index]}.log"
        # The Go runtime collects garbage half as often: a computer that carries everything has more memory than processors.
        environment = {"GOGC": "200", **os.environ}
        self.servers[index] = Running([self.program, "-c", self.folder / f"n{index + 1}" / "nats.conf"], log, env=environment)

    def make_stream(self):
        """Makes the stream with the shipped file, as soon as the servers have a leader."""
        body = json.dumps(json.loads((REPO / "deploy" / "fleet" / "stream.json").read_text())).encode()
        why = "no answer"
        for _ in range(120):
            try:
                answer = request(self.nats[0], "$JS.API.STREAM.CREATE.FLEET", body)
                if "error" not in answer:
                    return
                why = answer["error"]
            except OSError as error:
                why = error
            time.sleep(0.25)
        raise RuntimeError(f"the servers do not make the stream FLEET: {why}")

    def leader(self):
        """The number of the server that leads the stream; None if that is not known."""
        for index, server in enumerate(self.servers):
            if server and server.process.poll() is None:
                try:
                    name = request(self.nats[index], "$JS.API.STREAM.INFO.FLEET").get("cluster", {}).get("leader", "")
                    return int(name[1:]) - 1 if name else None
                except OSError:
                    continue
        return None


def balancer(listener, ports):
    """Passes connections on to one of the servers that run, as a name with the addresses of all three does."""
    turn = 0
    while True:
        client, _ = listener.accept()
        turn += 1
        server = None
        for port in (ports[turn % 3], ports[(turn + 1) % 3], ports[(turn + 2) % 3]):
            try:
                server = socket.create_connection(("127.0.0.1", port), timeout=2)
                break
            except OSError:
                continue
        if server is None:
            client.close()
            continue
        for one, other in ((client, server), (server, client)):
            one.settimeout(None)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=pump, args=(one, other), daemon=True).start()


def pump(source, target):
    try:
        while received := source.recv(1 << 16):
            target.sendall(received)
    except OSError:
        pass
    for each in (source, target):
        try:
            each.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def start_balancer(ports):
    """Starts the balancer in a process of its own, and returns the process and its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    process = multiprocessing.get_context("fork").Process(target=balancer, args=(listener, ports), daemon=True)
    process.start()
    return process, listener.getsockname()[1]
