"""The two programs, and what stands around them: ports, an exposition to scrape, a store that is written to."""
import ctypes, http.server, os, pathlib, re, socket, subprocess, sys, threading, time, urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(ROOT / "interop/prometheus"), str(ROOT / "tests")]
from remote_read import fields, unsnappy  # noqa: E402

REFERENCE = ROOT / "build/interop/otelcol/build/otelcol-reference"
SIGHTLINE = pathlib.Path(os.environ.get("SIGHTLINE_BIN", ROOT / "build/release/bin/sightline"))
PORTS = ("grpc", "http", "metrics", "thrift", "zipkin")


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Server:
    """An HTTP server on a free port of loopback, in a thread of its own."""

    def __init__(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.reply(*outer.get(self))

            def do_POST(self):
                outer.post(self.headers, self.rfile.read(int(self.headers["Content-Length"])))
                self.reply("text/plain", b"")

            def reply(self, kind, body):
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # a client that left
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Target(Server):
    """Exposes one text, in whichever of the formats is asked for."""

    def __init__(self, open_metrics, classic):
        self.texts = open_metrics, classic
        super().__init__()

    def get(self, request):
        if "application/openmetrics-text" in request.headers.get("Accept", ""):
            return "application/openmetrics-text; version=1.0.0; charset=utf-8", self.texts[0].encode()
        return "text/plain; version=0.0.4", self.texts[1].encode()


def texts(message):
    return {number: value.decode() if isinstance(value, (bytes, bytearray)) else value for number, value in fields(message)}


try:
    SNAPPY = ctypes.CDLL("libsnappy.so.1")
except OSError:
    SNAPPY = None


def unpacked(body):
    """By the library where it is there: a hundred thousand series are megabytes, and several flushes of them."""
    if SNAPPY is None:
        return unsnappy(body)
    size = ctypes.c_size_t()
    if SNAPPY.snappy_uncompressed_length(body, ctypes.c_size_t(len(body)), ctypes.byref(size)) != 0:
        raise SystemExit("a remote write that is no snappy block")
    out = ctypes.create_string_buffer(size.value)
    if SNAPPY.snappy_uncompress(body, ctypes.c_size_t(len(body)), out, ctypes.byref(size)) != 0:
        raise SystemExit("a remote write that is no snappy block")
    return out.raw[:size.value]


class Store(Server):
    """Takes remote write 1.0. Requests are only kept as they come, so that a sender never waits; read() makes series of them."""

    def __init__(self):
        self.samples, self.exemplars, self.histograms, self.metadata = {}, {}, {}, {}  # the newest of each series
        self.bodies, self.lock, self.is_closed = [], threading.Lock(), False
        self.keys = {}  # by labels as they were encoded
        super().__init__()

    def stop(self):
        super().stop()
        with self.lock:
            self.is_closed = True

    def post(self, _headers, body):
        with self.lock:
            if not self.is_closed:
                self.bodies.append(body)

    def read(self):
        with self.lock:
            bodies, self.bodies = self.bodies, []
        for body in bodies:
            for number, value in fields(unpacked(body)):
                if number == 1:
                    self.series(value)
                elif number == 3:
                    about = texts(value)
                    self.metadata[about.get(2)] = about.get(1, 0), about.get(4, ""), about.get(5, "")

    def series(self, message):
        parts = list(fields(message))
        encoded = tuple(bytes(v) for n, v in parts if n == 1)
        key = self.keys.get(encoded)
        if key is None:
            key = self.keys[encoded] = tuple(sorted((t.get(1, ""), t.get(2, "")) for t in map(texts, encoded)))
        for number, value in parts:
            if number == 2:
                sample = dict(fields(value))
                if key not in self.samples or sample.get(2, 0) >= self.samples[key][1]:  # requests may overtake each other
                    self.samples[key] = bytes(sample.get(1, bytes(8))), sample.get(2, 0)
            elif number == 3:
                exemplar = list(fields(value))
                labels = tuple(sorted((t.get(1, ""), t.get(2, "")) for t in (texts(v) for n, v in exemplar if n == 1)))
                rest = dict((n, v) for n, v in exemplar if n != 1)
                self.exemplars.setdefault(key, set()).add((labels, bytes(rest.get(2, bytes(8))), rest.get(3, 0)))
            elif number == 4:
                self.histograms[key] = sorted((n, bytes(v) if isinstance(v, (bytes, bytearray)) else v) for n, v in fields(value))


class Program:
    def __init__(self, name, command, config, directory, places):
        """`places` fills in what the configuration leaves open, besides ports of its own."""
        self.name, self.store = name, Store()
        self.file = directory / f"{name}.json"
        self.ports = dict(zip(PORTS, free_ports(len(PORTS))))
        (directory / f"{name}.yaml").write_text(config.format(**self.ports, store=self.store.port, file=self.file, **places))
        self.log_path = directory / f"{name}.log"
        self.log = open(self.log_path, "wb")
        self.process = subprocess.Popen([*command(str(directory / f"{name}.yaml"))], cwd=directory, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)

    def post(self, body, path="/v1/traces", port="http", kind="application/json"):
        call = urllib.request.Request(f"http://127.0.0.1:{self.ports[port]}{path}", body, {"Content-Type": kind})
        with urllib.request.urlopen(call, timeout=60) as answer:
            answer.read()

    def wait_ready(self, listens):
        """`listens` names a port that is open when the program is ready."""
        for _ in range(1200):
            if self.process.poll() is not None:
                raise SystemExit(f"{self.name} ended:\n{self.log_path.read_text()[-3000:]}")
            try:
                return socket.create_connection(("127.0.0.1", self.ports[listens]), 1).close()
            except OSError:
                time.sleep(0.05)
        raise SystemExit(f"{self.name} does not listen")

    def metrics(self, accept):
        call = urllib.request.Request(f"http://127.0.0.1:{self.ports['metrics']}/metrics", headers={"Accept": accept})
        with urllib.request.urlopen(call, timeout=60) as answer:
            return answer.read().decode()

    def usage(self):
        """CPU seconds so far, and the resident memory at its peak in MiB."""
        cpu = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        peak = re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text())
        return (int(cpu[11]) + int(cpu[12])) / os.sysconf("SC_CLK_TCK"), int(peak[1]) // 1024

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()
        self.store.stop()
