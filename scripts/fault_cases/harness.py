"""What the cases share: rows of the table, waiting, the daemon under test, and a broker."""
import dataclasses, json, os, re, shutil, signal, socket, subprocess, time
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
MODEL = REPO / "models" / "simulated.onnx"
HOP, WINDOW, RATE = 10, 100, 100
MQTT_SOURCE = '[[source]]\nkind = "mqtt"\ntopic = "robots/{stream}/current"\n'
NEIGHBOUR = '[[source]]\nkind = "simulator"\nstream = "neighbour"\n'


class Skipped(Exception):
    """A case cannot try anything on this machine."""


@dataclasses.dataclass
class Row:
    """One figure of a case. `ok` is None for a figure that has no bar."""

    load: str
    figure: str
    bar: str = ""
    ok: bool | None = None


def at_most(load, name, value, bar, form="{:g}"):
    return Row(load, f"{name} {form.format(value)}", f"<= {form.format(bar)}", value <= bar)


def at_least(load, name, value, bar, form="{:g}"):
    return Row(load, f"{name} {form.format(value)}", f">= {form.format(bar)}", value >= bar)


def equal(load, name, value, bar):
    return Row(load, f"{name} {value}", f"= {bar}", value == bar)


def wait_for(what, condition, seconds=20.0, step=0.02):
    """Waits until `condition()` is true and returns its value, or None after so many seconds."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            return None
        time.sleep(step)
    return value


def need(what, condition, seconds=20.0):
    """As `wait_for`, for what must happen before a case can begin."""
    value = wait_for(what, condition, seconds)
    if value is None:
        raise RuntimeError(f"{what}: not within {seconds:.0f} s")
    return value


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Context:
    """The program under test, a folder for one case, and what it started."""

    def __init__(self, program, folder, long):
        self.program, self.folder, self.long, self.started = program, folder, long, []
        # One heap for all threads, as in the service's unit.
        self.environment = dict(os.environ, HOME=str(folder), NO_COLOR="1", MALLOC_ARENA_MAX="1")

    def path(self, name):
        return self.folder / name

    def tool(self, *arguments, **options):
        """Runs the program with these arguments to its end."""
        words = [str(self.program), *map(str, arguments)]
        return subprocess.run(words, capture_output=True, timeout=120, env=self.environment, **options)

    def broker(self, **options):
        return self.keep(Broker(self, **options))

    def daemon(self, config, **options):
        return self.keep(Daemon(self, config, **options))

    def keep(self, thing):
        self.started.append(thing)
        return thing

    def close(self):
        for thing in reversed(self.started):
            thing.kill()


class Process:
    """A process that a case started, and what the kernel says about it."""

    def spawn(self, words, **options):
        self.process = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, **options)

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def kill(self):
        if self.alive():
            self.process.kill()
        self.process.wait()

    def stop(self, seconds=20):
        """Asks the process to end. Returns its exit code, or None if it has not ended after so many seconds."""
        if self.alive():
            self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None

    def status(self, key):
        found = re.search(rf"{key}:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        return int(found[1]) / 1024 if found else 0.0

    def memory(self):
        """Resident memory in MiB."""
        return self.status("VmRSS")

    def peak(self):
        """The most resident memory so far in MiB."""
        return self.status("VmHWM")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def processor(self):
        """Processor time so far in s."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Broker(Process):
    """A Mosquitto of the case's own. It may be killed and started again on the same port."""

    def __init__(self, context, persistence=False, extra="", anonymous=True):
        self.port, self.folder = free_port(), context.path(f"broker{len(context.started)}")
        self.folder.mkdir()
        self.program = shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")
        if self.program is None:
            raise Skipped("mosquitto is not installed; apt-get install mosquitto")
        lines = f"listener {self.port} 127.0.0.1\nallow_anonymous {str(anonymous).lower()}\nset_tcp_nodelay true\n"
        if persistence:
            lines += f"persistence true\npersistence_location {self.folder}/\n"
            lines += "autosave_interval 1\nautosave_on_changes true\n"
        if os.getuid() == 0:
            lines += "user root\n"
        (self.folder / "conf").write_text(lines + extra)
        self.start()

    def start(self):
        self.spawn([self.program, "-c", self.folder / "conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        need("mosquitto accepts connections", self.accepts)

    def accepts(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Daemon(Process):
    """An `underfoot run` with predictions on standard output, which goes to a file, and the page on a free port."""

    def __init__(self, context, config, broker=None, wrap=(), page=True, environment=None, ready=True):
        self.context, number = context, len(context.started)
        self.config, self.log, self.out = (context.path(f"{name}{number}") for name in ("underfoot.toml", "log", "out"))
        head = f'[model]\npath = "{MODEL}"\n'
        if broker:
            port = broker if isinstance(broker, int) else broker.port
            mqtt_table = f'[mqtt]\nhost = "127.0.0.1"\nport = {port}\nclient_id = "underfoot-{number}"\n'
            if "[mqtt]\n" in config:
                config = config.replace("[mqtt]\n", mqtt_table)
            else:
                head += mqtt_table
        if page:
            head += '[http]\nlisten = "127.0.0.1:0"\n'
        if "[publish]\n" in config:
            config = config.replace("[publish]\n", "[publish]\nstdout = true\n")
        else:
            head += "[publish]\nstdout = true\n"
        self.head = head
        self.config.write_text(head + config)
        with open(self.log, "wb") as log, open(self.out, "wb") as out:
            words = [*wrap, context.program, "run", "--config", self.config]
            self.spawn(words, stdout=out, stderr=log, env=context.environment | (environment or {}))
        if ready:
            need("the daemon is ready", lambda: b" ready " in self.log.read_bytes() or not self.alive())
            if not self.alive():
                raise RuntimeError(f"the daemon ended: {self.text()[-500:]}")
        self.http = int(found[1]) if (found := re.search(r"address=127\.0\.0\.1:(\d+)", self.text())) else None

    def text(self):
        return self.log.read_text(errors="replace")

    def get(self, path, seconds=5.0):
        """The status and the body of an answer of the page, or (0, "") if there is none within so many seconds."""
        try:
            with socket.create_connection(("127.0.0.1", self.http), seconds) as client:
                client.settimeout(seconds)
                client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                answer = b""
                while piece := client.recv(65536):
                    answer += piece
        except OSError:
            return 0, ""
        head, _, body = answer.decode(errors="replace").partition("\r\n\r\n")
        return int(head.split()[1]) if head.startswith("HTTP/1.1 ") else 0, body

    def metrics(self):
        """The metrics by name with their labels."""
        lines = (line.rsplit(" ", 1) for line in self.get("/metrics")[1].splitlines() if line[:1] not in ("#", ""))
        return {name: float(value) for name, value in lines}

    def metric(self, name):
        return self.metrics().get(name, 0.0)

    def samples(self):
        return sum(value for name, value in self.metrics().items() if name.startswith("underfoot_samples_total"))

    def dropped(self, reason=None):
        """What was dropped for one reason, or in total."""
        wanted = f'underfoot_dropped_total{{reason="{reason}"}}' if reason else "underfoot_dropped_total"
        return int(sum(value for name, value in self.metrics().items() if name.startswith(wanted)))

    def gaps(self):
        return int(sum(value for name, value in self.metrics().items() if name.startswith("underfoot_gaps_total")))

    def reload(self, text=None):
        """Has the daemon read its configuration again, and waits until it has. `text` replaces it first."""
        if text is not None:
            self.config.write_text(text)
        count = lambda: sum(v for name, v in self.metrics().items() if name.startswith("underfoot_reloads_total"))
        before = count()
        self.process.send_signal(signal.SIGHUP)
        return wait_for("the reload", lambda: count() > before, 20)

    def predictions(self, stream=None):
        """The predictions on standard output so far."""
        lines = self.out.read_bytes().split(b"\n")[:-1]
        every = (json.loads(line) for line in lines if line.startswith(b"{"))
        return [one for one in every if stream in (None, one["stream"])]

    def missing(self, stream="neighbour"):
        """How many predictions are missing between the first and the last one of a robot whose clock is steady."""
        times = [one["t"] for one in self.predictions(stream)]
        if len(times) < 2:
            return 1_000_000
        return round((times[-1] - times[0]) * RATE / HOP) + 1 - len(times)
