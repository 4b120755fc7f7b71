"""The metrics stores side by side: how each is started, when it is ready, where its bytes lie, and what the kernel says it used."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "bench")]

from harness import free_port, get, request  # noqa: E402

BINARY = pathlib.Path(os.environ.get("SIGHTLINE_BIN", ROOT / "build/release/bin/sightline"))
LOAD = BINARY.parent
PEERS = ROOT / "build/peers"
PROMETHEUS = ROOT / "build/interop/prometheus"
TICKS = os.sysconf("SC_CLK_TCK")
MB = 1_000_000


def bytes_below(*folders: pathlib.Path) -> int:
    """Of the files, as they are long; not rounded up to disk blocks."""
    total = 0
    for folder in folders:
        for path in folder.rglob("*"):
            try:
                total += path.stat().st_size if path.is_file() else 0
            except FileNotFoundError:
                pass
    return total


class Peer:
    """One program in a directory of its own. `command` holds {port} and {dir}."""

    name = ""
    ready_path = "/-/ready"
    ready_answer = b"HTTP/1.1 200"

    def __init__(self, directory: pathlib.Path):
        self.directory = directory / type(self).__name__.lower()
        self.directory.mkdir(parents=True)
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.process = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def start(self, patience: float = 120) -> float:
        """Seconds from exec to the first answer that says ready."""
        command, begin = self.command(), time.monotonic()
        with open(self.directory / "log", "ab") as log:
            self.process = subprocess.Popen(command, cwd=self.directory, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        question = f"GET {self.ready_path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 5) as s:
                    s.sendall(question)
                    if s.recv(64).startswith(self.ready_answer):
                        return time.monotonic() - begin
            except OSError:
                pass
            if self.process.poll() is not None or time.monotonic() > begin + patience:
                tail = (self.directory / "log").read_text(errors="replace")[-2000:]
                self.stop()
                raise SystemExit(f"{self.name} did not become ready:\n{tail}")
            time.sleep(0.002)

    def cpu_seconds(self) -> float:
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory_mb(self) -> dict:
        out = {}
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            key, _, value = line.partition(":")
            if key in ("VmRSS", "VmHWM", "RssAnon"):
                out[key] = int(value.split()[0]) * 1024 / MB
        return out

    def settle(self, at_least: float, at_most: float = 300) -> float:
        """Waits until it has nothing left to do: under 2 % of a core for ten seconds. Returns the seconds waited."""
        begin = time.monotonic()
        history = [(begin, self.cpu_seconds())]
        while True:
            time.sleep(1)
            now = time.monotonic()
            history.append((now, self.cpu_seconds()))
            old = next(h for h in reversed(history) if h[0] <= now - 10 or h is history[0])
            if now - begin >= at_least and history[-1][1] - old[1] < 0.2 or now - begin > at_most:
                return now - begin

    def stop(self, how=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def work_off(self):
        """Asks for what the program would do by itself some hours later, where it can be asked."""

    def stored(self) -> dict:
        """bytes and samples of what is in its final form; note: what that is."""
        raise NotImplementedError

    def _blocks(self, pattern: str) -> dict:
        blocks = get(self.base + "/api/v1/status/tsdb/blocks").json["data"]["blocks"]
        folders = [p for p in self.directory.glob(pattern) if p.is_dir()]
        return {"bytes": bytes_below(*folders), "samples": sum(b["stats"]["numSamples"] for b in blocks), "note": f"{len(blocks)} blocks, index included"}


class Prometheus(Peer):
    name = "Prometheus"

    def command(self):
        config = self.directory / "prometheus.yml"
        config.write_text("global: {scrape_interval: 15s}\n")
        return [str(PROMETHEUS), f"--config.file={config}", f"--storage.tsdb.path={self.directory}/data", f"--web.listen-address=127.0.0.1:{self.port}",
                "--web.enable-remote-write-receiver", "--enable-feature=exemplar-storage", "--log.level=warn"]

    def stored(self):
        return self._blocks("data/01*")


class VictoriaMetrics(Peer):
    name = "VictoriaMetrics"
    ready_path = "/health"

    def command(self):
        return [str(PEERS / "victoria-metrics"), f"-storageDataPath={self.directory}/data", f"-httpListenAddr=127.0.0.1:{self.port}", "-search.disableCache",
                "-search.latencyOffset=0s", "-loggerLevel=WARN"]

    def work_off(self):
        get(self.base + "/internal/force_flush")
        get(self.base + "/internal/force_merge", timeout=300)

    def stored(self):
        merged = bytes_below(self.directory / "data/data", self.directory / "data/indexdb")
        return {"bytes": merged, "samples": None, "note": "all data merged, index included, exemplars not kept"}


class Sightline(Peer):
    name = "Sightline"

    def command(self):
        config = self.directory / "prometheus.yml"
        config.write_text("global: {scrape_interval: 15s}\n")
        return [str(BINARY), "run", f"--prometheus-config={config}", f"--data-dir={self.directory}/data", f"--web.listen-address=127.0.0.1:{self.port}"]

    def stored(self):
        """Half hours as they left memory are joined and coded small when two hours are over: what is not yet so is no final form."""
        blocks = get(self.base + "/api/v1/status/tsdb/blocks").json["data"]["blocks"]
        final = [b for b in blocks if b["compaction"]["level"] > 1]
        folders = [self.directory / "data/metrics" / f"block-{b['ulid']}" for b in final]
        return {"bytes": bytes_below(*folders), "samples": sum(b["stats"]["numSamples"] for b in final),
                "note": f"{len(final)} blocks, index included; {len(blocks) - len(final)} of half an hour, not yet joined, left out"}


def present() -> list[type[Peer]]:
    """Those that can be run here, ours last."""
    out = []
    if os.access(PROMETHEUS, os.X_OK):
        out.append(Prometheus)
    if os.access(PEERS / "victoria-metrics", os.X_OK):
        out.append(VictoriaMetrics)
    return out + [Sightline]


def version(peer: Peer) -> str:
    """As the program says it."""
    if isinstance(peer, VictoriaMetrics):
        lines = (ROOT / "bench/peers/victoriametrics/go.mod").read_text().splitlines()
        return next(line.split()[1] for line in lines if "VictoriaMetrics/VictoriaMetrics v" in line)
    if isinstance(peer, Prometheus):
        lines = (ROOT / "interop/prometheus/go.mod").read_text().splitlines()
        number = next(line.split()[1] for line in lines if "github.com/prometheus/prometheus v" in line)
        minor = int(number.split(".")[1])  # the Go module counts v0.3MM.P for 3.MM.P
        return f"v{minor // 100}.{minor % 100}.{number.split('.')[2]}"
    return json.loads(request("GET", peer.base + "/api/v1/status/buildinfo").body)["data"].get("revision", "")[:12] or "this tree"
