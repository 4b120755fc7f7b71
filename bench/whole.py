"""Measures the whole program under load: start-up, memory, ingest, exposition, queries.

whole.py [--seconds N]: SIGHTLINE_BIN (default: the release build) and the sightline_load beside it. Writes
bench/results/whole.json and whole.md. Takes under three minutes; stops only what it started.
"""
import argparse
import contextlib
import itertools
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request

from hardware import hardware

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("SIGHTLINE_BIN", ROOT / "build/release/bin/sightline"))
LOAD = BINARY.parent / "sightline_load"
RESULTS = ROOT / "bench" / "results"
STARTS = 10
SETTLE_SECONDS = 13  # traces idle for 10 s become blocks: work that belongs to the spans that were sent
MIB = 1 << 20


class Ports:
    """A free port for each fixed one in the configuration files."""
    FIXED = {"ui": 3000, "tempo": 3200, "tempo_otlp": 4318, "grpc": 4319, "http": 4320, "prometheus": 9090, "metrics": 9464}

    def __init__(self):
        sockets = {name: socket.create_server(("127.0.0.1", 0)) for name in self.FIXED}  # all at once: all different
        for name, s in sockets.items():
            setattr(self, name, s.getsockname()[1])
            s.close()

    def rewrite(self, text: str) -> str:
        for name, port in self.FIXED.items():
            text = re.sub(rf"(?<![0-9.]){port}(?![0-9])", str(getattr(self, name)), text)
        return text.replace("0.0.0.0", "127.0.0.1")


def own_file(directory: pathlib.Path, ports: Ports) -> list[str]:
    """One file with every role: what runs without arguments."""
    (directory / "sightline.yaml").write_text(ports.rewrite((ROOT / "bench/sightline.yaml").read_text()))
    return ["--config", "sightline.yaml"]


def chain_files(directory: pathlib.Path, ports: Ports, debug: bool) -> list[str]:
    """The demo's three files; without `debug` no span is printed."""
    arguments = []
    for name in ("otelcol-config", "tempo", "prometheus"):
        text = ports.rewrite((ROOT / "demo" / f"{name}.yaml").read_text())
        if name == "otelcol-config" and not debug:
            text = text.replace(", debug]", "]")
        if name == "tempo":  # says "http:" alone, which is port 4318
            text = re.sub(r"(\n\s+)http:.*", rf"\1http:\1  endpoint: 127.0.0.1:{ports.tempo_otlp}", text, count=1)
        (directory / f"{name}.yaml").write_text(text)
        arguments += [f"--{name if name == 'otelcol-config' else name + '-config'}", f"{name}.yaml"]
    return arguments


class Server:
    """One running program in its directory. `started_ms`: from exec to the log line that says ready."""

    def __init__(self, directory: pathlib.Path, arguments: list[str]):
        self.log_path = directory / "sightline.log"
        log_from = self.log_path.stat().st_size if self.log_path.exists() else 0
        begin = time.monotonic()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([str(BINARY), "run", *arguments, "--data-dir", "data"], cwd=directory,
                                            stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        with open(self.log_path, "rb") as log:
            log.seek(log_from)
            text = b""
            while b" ready\n" not in text:
                if self.process.poll() is not None or time.monotonic() > begin + 30:
                    self.stop()
                    raise SystemExit(f"whole.py: the program did not become ready:\n{text.decode()[-2000:]}")
                time.sleep(0.001)
                text += log.read()
        self.started_ms = (time.monotonic() - begin) * 1000

    def status(self) -> dict:
        """Memory in MiB and threads, from /proc/<pid>/status."""
        fields = dict(re.findall(r"^(\w+):\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text(), re.M))
        mib = {name: round(int(fields[key]) / 1024, 1) for name, key in
               {"rss_mib": "VmRSS", "anonymous_mib": "RssAnon", "files_mib": "RssFile", "rss_peak_mib": "VmHWM"}.items()}
        return {**mib, "threads": int(fields["Threads"])}

    def stop(self) -> float:
        """Seconds from SIGTERM to the end."""
        begin = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return time.monotonic() - begin


@contextlib.contextmanager
def server(configure):
    """A fresh program with an empty data directory, on the disk that builds are on."""
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT / "build") as name:
        directory, ports = pathlib.Path(name), Ports()
        arguments = configure(directory, ports)
        running = Server(directory, arguments)
        try:
            yield running, ports, lambda: Server(directory, arguments)
        finally:
            running.stop()


SEEDS = itertools.count(1, 1000)  # loads one after the other send traces of their own, as services do


def load_command(target: int, pid: int, **options) -> list[str]:
    flags = [f"--{name}={value}" for name, value in {"seed": next(SEEDS), **options}.items()]
    return [str(LOAD), f"--target=127.0.0.1:{target}", f"--server-pid={pid}", *flags]


def load(target: int, pid: int, **options) -> dict:
    done = subprocess.run(load_command(target, pid, **options), stdout=subprocess.PIPE, text=True, timeout=120)
    if done.returncode not in (0, 3):
        raise SystemExit("whole.py: sightline_load failed")
    return json.loads(done.stdout)


def get(port: int, path: str, parameters: dict | None = None, accept: str = "*/*") -> bytes:
    query = "?" + urllib.parse.urlencode(parameters) if parameters else ""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}{query}", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()


def times_ms(ask, times: int, seconds: float) -> dict:
    """How long `ask` takes, asked one after the other, up to `times` times or for `seconds`."""
    taken, end = [], time.monotonic() + seconds
    while len(taken) < times and (not taken or time.monotonic() < end):
        begin = time.monotonic()
        size = len(ask())
        taken.append((time.monotonic() - begin) * 1000)
    taken.sort()
    return {"p50_ms": round(statistics.median(taken), 2), "max_ms": round(taken[-1], 2), "asked": len(taken), "bytes": size}


def measure_starts() -> dict:
    """Empty data directories; then, for one of them, memory after five idle seconds."""
    started = []
    for _ in range(STARTS):
        with server(own_file) as (running, _, _):
            started.append(running.started_ms)
    with server(own_file) as (running, _, _):
        time.sleep(5)
        idle = running.status()
    return {"start_ms": {"median": round(statistics.median(started), 1), "max": round(max(started), 1)}, "idle": idle}


def measure_ingest(configure, seconds: float, protocol: str = "grpc", mix: str = "web", restart: bool = False) -> dict:
    with server(configure) as (running, ports, start_again):
        report = load(getattr(ports, protocol), running.process.pid, seconds=seconds, settle=SETTLE_SECONDS, protocol=protocol, mix=mix)
        report.pop("traces")
        report["log_mib"] = round(running.log_path.stat().st_size / MIB, 1)
        report["stop_seconds"] = round(running.stop(), 2)
        if restart:
            again = start_again()
            report["start_again_ms"] = round(again.started_ms, 1)
            report["start_again"] = again.status()
            again.stop()
        return report


def measure_exposition() -> dict:
    """The prometheus exporter's page with some thousands of series' histograms."""
    with server(own_file) as (running, ports, _):
        load(ports.grpc, running.process.pid, seconds=3, rate=40000, routes=500, templates=60)
        figures = {}
        for name, accept in (("openmetrics", "application/openmetrics-text; version=1.0.0"), ("text", "text/plain")):
            page = times_ms(lambda: get(ports.metrics, "/metrics", accept=accept), 5, 10)
            figures[name] = {**page, "mib": round(page["bytes"] / MIB, 1),
                             "mib_per_second": round(page["bytes"] / MIB / (page["p50_ms"] / 1000), 1)}
        lines = get(ports.metrics, "/metrics").count(b"\n")
        return {**figures, "lines": lines, "server": running.status()}


def measure_queries(seconds: float) -> dict:
    """Questions while a steady rate of spans comes in."""
    with server(own_file) as (running, ports, _):
        trace = load(ports.grpc, running.process.pid, seconds=2, rate=20000, mix="shop")["traces"][0]
        sender = subprocess.Popen(load_command(ports.grpc, running.process.pid, seconds=seconds, rate=20000, mix="shop"),
                                  stdout=subprocess.PIPE, text=True)
        now = lambda: time.time()
        prometheus = lambda path, **p: lambda: get(ports.prometheus, f"/api/v1/{path}", {k: v() if callable(v) else v for k, v in p.items()})
        tempo = lambda path, **p: lambda: get(ports.tempo, path, p)
        questions = {
            "promql rate": prometheus("query", query="sum by (span_name) (rate(traces_span_metrics_calls_total[1m]))"),
            "promql p95, 30 min range": prometheus(
                "query_range", step="5", start=lambda: now() - 1800, end=now,
                query="histogram_quantile(0.95, sum by (le, service_name) (rate(traces_span_metrics_duration_milliseconds_bucket[1m])))"),
            "exemplars": prometheus("query_exemplars", start=lambda: now() - 1800, end=now,
                                    query="traces_span_metrics_duration_milliseconds_bucket"),
            "trace by id": tempo(f"/api/traces/{trace}"),
            "traceql search": tempo("/api/search", q='{ resource.service.name = "payment" && duration > 50ms }', limit=20),
        }
        figures = {name: times_ms(ask, 50, seconds / (len(questions) + 1)) for name, ask in questions.items()}
        output, _ = sender.communicate(timeout=60)
        ingest = json.loads(output)
        ingest.pop("traces")
        return {"spans_per_second": 20000, "questions": figures, "ingest": ingest}


def table(figures: dict) -> str:
    """The figures a person compares."""
    on = figures["hardware"]
    starts, exposition, queries = figures["start"], figures["exposition"], figures["queries"]
    lines = [f"Measured by `script/bench whole` on {on['cpu']}, {on['cores']} cores, {on['memory_mib']} MiB; load average before: "
             f"{on['others_running']}. Server and sender share the cores.", "",
             "| start and memory | |", "|---|---|",
             f"| start to ready, empty data, median of {STARTS} (worst) | {starts['start_ms']['median']} ms ({starts['start_ms']['max']} ms) |",
             f"| memory idle after 5 s | {starts['idle']['rss_mib']} MiB, of it {starts['idle']['anonymous_mib']} MiB anonymous; {starts['idle']['threads']} threads |", "",
             "| ingest, flat out | spans/s | server CPU-s per million spans | p50 | p99 | refused | peak memory |", "|---|---|---|---|---|---|---|"]
    for name, run in figures["ingest"].items():
        lines.append(f"| {name} | {run['spans_per_second']:,} | {run['server']['cpu_seconds_per_million_spans']} | {run['latency_ms']['p50']} ms | "
                     f"{run['latency_ms']['p99']} ms | {run['refused']} | {run['server']['rss_peak_mib']} MiB |")
    again = next(run for run in figures["ingest"].values() if "start_again_ms" in run)
    lines += ["", f"Start again with the data of the first row: {again['start_again_ms']} ms.", "",
              f"| /metrics, {exposition['lines']:,} lines | time | size | speed |", "|---|---|---|---|"]
    lines += [f"| {name} | {exposition[name]['p50_ms']} ms | {exposition[name]['mib']} MiB | {exposition[name]['mib_per_second']} MiB/s |"
              for name in ("openmetrics", "text")]
    lines += ["", f"| question, while {queries['spans_per_second']:,} spans/s come in | p50 | worst | answer |", "|---|---|---|---|"]
    lines += [f"| {name} | {q['p50_ms']} ms | {q['max_ms']} ms | {q['bytes']:,} bytes |" for name, q in queries["questions"].items()]
    ingest = queries["ingest"]
    lines += ["", f"Export calls meanwhile: p50 {ingest['latency_ms']['p50']} ms, p99 {ingest['latency_ms']['p99']} ms; "
              f"server {ingest['server']['cpu_seconds_per_million_spans']} CPU-s per million spans."]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5, help="of each load (default 5)")
    seconds = parser.parse_args().seconds
    without_debug = lambda directory, ports: chain_files(directory, ports, debug=False)
    with_debug = lambda directory, ports: chain_files(directory, ports, debug=True)
    figures = {"hardware": hardware(), "start": measure_starts()}
    figures["ingest"] = {
        "defaults, gRPC": measure_ingest(own_file, seconds, restart=True),
        "defaults, HTTP": measure_ingest(own_file, seconds, protocol="http"),
        "defaults, gRPC, shop": measure_ingest(own_file, seconds, mix="shop"),
        "demo's files without debug": measure_ingest(without_debug, seconds),
        "demo's files": measure_ingest(with_debug, seconds),
    }
    figures["exposition"] = measure_exposition()
    figures["queries"] = measure_queries(seconds * 2)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "whole.json").write_text(json.dumps(figures, indent=1) + "\n")
    (RESULTS / "whole.md").write_text(table(figures))
    print(table(figures), end="")


if __name__ == "__main__":
    main()
