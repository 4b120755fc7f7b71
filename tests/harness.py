"""Starts the program as its users do, and asks it questions over HTTP.

Every process that a test starts is stopped by the test, by its pid; every test owns a temporary directory.
"""
import http.client
import itertools
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
BINARY = os.environ.get("SIGHTLINE_BIN", str(ROOT / "build/dev/bin/sightline"))


def port_is_free(port: int) -> bool:
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("0.0.0.0", port))
            return True
        except OSError:
            return False


# Ports below the kernel's ephemeral range (from 32768 on): what the kernel gives a client's connection, or a server
# that binds port 0, can never be one of these between the choice and the bind. Each is handed out once a process;
# two processes begin at places of their own.
PORTS = itertools.cycle(range(20000, 32000))
for _ in range(os.getpid() * 97 % 12000):
    next(PORTS)


def free_port() -> int:
    return next(port for port in itertools.islice(PORTS, 12000) if port_is_free(port))


class Answer:
    def __init__(self, status: int, headers, body: bytes):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


def request(method: str, url: str, body: bytes | None = None, headers: dict | None = None, timeout: float = 10) -> Answer:
    req = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(req, timeout=timeout) as r:
            return Answer(r.status, r.headers, r.read())
    except urllib.error.HTTPError as e:
        return Answer(e.code, e.headers, e.read())


def get(url: str, params: dict | None = None, headers: dict | None = None, timeout: float = 10) -> Answer:
    if params:
        url += "?" + urllib.parse.urlencode(params, doseq=True)
    return request("GET", url, headers=headers, timeout=timeout)


def eventually(what: str, seconds: float, check, every: float = 0.05):
    """Asks until `check` returns something true, and returns it; fails with its last answer or error."""
    deadline = time.monotonic() + seconds
    last = None
    while True:
        try:
            last = check()
            if last:
                return last
        except (OSError, AssertionError, KeyError, IndexError, ValueError, http.client.HTTPException) as e:
            last = e
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds} s; last: {last!r}")
        time.sleep(every)


class Program:
    """One running process; its output goes to a file in its directory."""

    def __init__(self, args: list[str], cwd: str, name: str, env: dict | None = None):
        self.log_path = os.path.join(cwd, name + ".log")
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen(args, cwd=cwd, stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL,
                                        env={**os.environ, **(env or {})})

    def output(self) -> str:
        return pathlib.Path(self.log_path).read_text(errors="replace")

    def stop(self, seconds: float = 20) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"did not stop on SIGTERM within {seconds} s:\n{self.output()[-2000:]}")
        self.log.close()
        return self.process.returncode

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


class Ports:
    """A free port for each of the chain's fixed ones, so that tests run beside anything."""
    CHAIN = {"otlp_grpc": 4319, "otlp_http": 4320, "metrics": 9464, "tempo_otlp": 4318, "tempo": 3200,
             "prometheus": 9090, "ui": 3000, "demo": 5000}

    def __init__(self, free: bool = True):
        for name, port in self.CHAIN.items():
            setattr(self, name, free_port() if free else port)

    def rewrite(self, text: str) -> str:
        """A configuration of the chain with its ports exchanged for ours, loopback only."""
        for name, port in self.CHAIN.items():
            text = re.sub(rf"(?<![0-9]){port}(?![0-9])", str(getattr(self, name)), text)
        return text.replace("0.0.0.0", "127.0.0.1")


class SightlineTest(unittest.TestCase):
    """A test with a directory of its own and programs that end with it."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="sightline-e2e-")
        self.addCleanup(directory.cleanup)
        self.dir = directory.name

    def start(self, args: list[str], name: str = "sightline", env: dict | None = None) -> Program:
        program = Program([BINARY, *args], self.dir, name, env)
        self.addCleanup(lambda: program.process.poll() is None and program.stop())
        return program

    def ready(self, program: Program, url: str, seconds: float = 10):
        def check():
            if program.process.poll() is not None:
                raise RuntimeError(f"exit status {program.process.returncode}:\n{program.output()[-3000:]}")
            return get(url).status < 500
        eventually(url, seconds, check, every=0.01)

    def write(self, name: str, text: str) -> str:
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        pathlib.Path(path).write_text(text)
        return path

    def chain_files(self, ports: Ports) -> dict[str, str]:
        """The demo's configuration files with our ports, tempo.yaml listening where we say."""
        files = {}
        for name in ("otelcol-config", "tempo", "prometheus"):
            text = ports.rewrite((ROOT / "demo" / f"{name}.yaml").read_text())
            if name == "tempo":
                text = text.replace("http:  #", "http:\n          endpoint: 127.0.0.1:%d\n        #" % ports.tempo_otlp, 1) \
                    if "http:  #" in text else re.sub(r"(\n\s+)http:(.*)\n", rf"\1http:\1  endpoint: 127.0.0.1:{ports.tempo_otlp}\n", text, count=1)
            files[name] = self.write(f"{name}.yaml", text)
        for kind in ("datasources", "dashboards"):
            for path in (ROOT / "demo" / "provisioning" / kind).iterdir():
                self.write(f"provisioning/{kind}/{path.name}", ports.rewrite(path.read_text()))
        files["provisioning"] = os.path.join(self.dir, "provisioning")
        return files
