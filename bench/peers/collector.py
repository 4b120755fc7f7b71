"""The collector: the same file and the same spans to each; what receiving, counting, exposing and passing on cost."""
import json
import pathlib
import re
import statistics
import subprocess
import time

from programs import BINARY, LOAD, MB, ROOT, Peer, free_port, get

REFERENCE = ROOT / "build/interop/otelcol/build/otelcol-reference"
ACCEPT = "application/openmetrics-text; version=1.0.0; charset=utf-8"
COUNTING = """
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: 127.0.0.1:{otlp}}}
connectors:
  spanmetrics:
    exemplars: {{enabled: true}}
    dimensions: [{{name: http.request.method}}, {{name: http.response.status_code}}]
    histogram:
      explicit:
        buckets: [2ms, 4ms, 6ms, 10ms, 50ms, 100ms, 200ms, 500ms, 1s, 2s, 5s, 10s, 30s, 1m]
    metrics_flush_interval: 5s
exporters:
  prometheus: {{endpoint: "127.0.0.1:{port}", enable_open_metrics: true, send_timestamps: true}}
service:
  {telemetry}
  pipelines:
    traces: {{receivers: [otlp], exporters: [spanmetrics]}}
    metrics: {{receivers: [spanmetrics], exporters: [prometheus]}}
"""
FORWARDING = """
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: 127.0.0.1:{otlp}}}
      http: {{endpoint: 127.0.0.1:{port}}}
exporters:
  otlp: {{endpoint: "127.0.0.1:{sink}", compression: none, tls: {{insecure: true}}}}
service:
  {telemetry}
  pipelines:
    traces: {{receivers: [otlp], exporters: [otlp]}}
"""


class Collector(Peer):
    """`port` speaks HTTP, by which it is known to be ready: the page with metrics when it counts. `otlp` takes spans."""

    ready_path = "/metrics"
    telemetry = ""

    def __init__(self, directory: pathlib.Path, text: str = COUNTING, sink: int = 0):
        super().__init__(directory)
        if text is FORWARDING:
            self.ready_answer = b"HTTP/1.1 "  # of its OTLP port, which has no such page
        self.otlp = free_port()
        self.config = self.directory / "otelcol.yaml"
        self.config.write_text(text.format(otlp=self.otlp, port=self.port, sink=sink, telemetry=self.telemetry))


class OpenTelemetryCollector(Collector):
    name = "Collector"
    telemetry = "telemetry: {metrics: {level: none}}"

    def command(self):
        return [str(REFERENCE), f"--config={self.config}"]


class Sightline(Collector):
    name = "Sightline"

    def command(self):
        return [str(BINARY), "run", f"--otelcol-config={self.config}", f"--data-dir={self.directory}/data"]


def load(target: Collector, seconds: float, **more) -> dict:
    flags = [f"--{k.replace('_', '-')}={v}" for k, v in more.items()]
    done = subprocess.run([str(LOAD / "sightline_load"), f"--target=127.0.0.1:{target.otlp}", f"--server-pid={target.process.pid}", f"--seconds={seconds}", "--routes=158", "--templates=60", *flags],
                          stdout=subprocess.PIPE, text=True, timeout=300)
    if done.returncode not in (0, 3):
        raise SystemExit(f"sightline_load failed against {target.name}")
    report = json.loads(done.stdout)
    report.pop("traces")
    return report


def page(target: Collector) -> dict:
    taken = []
    for _ in range(7):
        begin = time.perf_counter()
        answer = get(target.base + "/metrics", headers={"Accept": ACCEPT}, timeout=30)
        taken.append((time.perf_counter() - begin) * 1000)
    lines = [line for line in answer.text.splitlines() if not line.startswith("#")]
    calls = [float(line.split("# {")[0].split("} ")[1].split(" ")[0]) for line in lines if re.match(r"\w*calls_total\{", line)]
    return {"median_ms": statistics.median(taken), "series": len(lines), "mb": len(answer.body) / MB, "spans_counted": sum(calls)}


def measure(kind: type[Collector], directory: pathlib.Path, seconds: float, rate: float | None) -> dict:
    program = kind(directory)
    try:
        out = {"start_seconds": program.start()}
        time.sleep(5)
        out["idle_mb"] = program.memory_mb()["VmRSS"]
        out["flat_out"] = flat_out = load(program, seconds, settle=8)
        out["page"] = page(program)
        out["lost"] = flat_out["spans_accepted"] - out["page"]["spans_counted"]
        out["rate"] = rate or flat_out["spans_per_second"] / 2
        out["half"] = load(program, seconds, rate=out["rate"])
        return out
    finally:
        program.stop()


def measure_forwarding(kind: type[Collector], directory: pathlib.Path, seconds: float) -> dict:
    """Passed on to a Sightline that counts them, whose cost is not counted."""
    sink = Sightline(directory / "sink")
    program = kind(directory, FORWARDING, sink.otlp)
    try:
        sink.start()
        program.start()
        out = load(program, seconds, settle=8)
        out["arrived"] = page(sink)["spans_counted"]
        return out
    finally:
        program.stop()
        sink.stop()


def run(directory: pathlib.Path, seconds: float) -> dict[str, dict]:
    kinds = ([OpenTelemetryCollector] if REFERENCE.exists() else []) + [Sightline]
    results, rate = {}, None
    for kind in kinds:
        print(f"== {kind.name}", flush=True)
        results[kind.name] = measure(kind, directory / "counting", seconds, rate)
        rate = results[kind.name]["rate"]  # the same for both: half of what the peer takes
        results[kind.name]["forwarding"] = measure_forwarding(kind, directory / f"forwarding-{kind.__name__.lower()}", seconds)
        print(json.dumps(results[kind.name]), flush=True)
    return results


def table(results: dict[str, dict], seconds: float) -> str:
    names = list(results)
    rows = [
        ("OTLP/gRPC in -> span metrics with exemplars, CPU-seconds per million spans", lambda r: r["flat_out"]["server"]["cpu_seconds_per_million_spans"], "{:.3f}"),
        ("spans per second of that, flat out", lambda r: r["flat_out"]["spans_per_second"], "{:,.0f}"),
        ("p99 of an export call flat out, ms", lambda r: r["flat_out"]["latency_ms"]["p99"], "{:.2f}"),
        ("resident memory idle, MB", lambda r: r["idle_mb"], "{:.0f}"),
        ("peak resident memory flat out, MB", lambda r: r["flat_out"]["server"]["rss_peak_mib"] * (1 << 20) / MB, "{:.0f}"),
        ("/metrics in OpenMetrics, median ms", lambda r: r["page"]["median_ms"], "{:.1f}"),
        ("samples on that page", lambda r: r["page"]["series"], "{:,}"),
        ("MB of that page", lambda r: r["page"]["mb"], "{:.2f}"),
        ("accepted spans that the page does not count (negative: counted twice)", lambda r: r["lost"], "{:,.0f}"),
        ("p50 of an export call at the same steady rate, ms", lambda r: r["half"]["latency_ms"]["p50"], "{:.2f}"),
        ("p99 of an export call at the same steady rate, ms", lambda r: r["half"]["latency_ms"]["p99"], "{:.2f}"),
        ("OTLP in -> OTLP out, CPU-seconds per million spans", lambda r: r["forwarding"]["server"]["cpu_seconds_per_million_spans"], "{:.3f}"),
        ("accepted spans that did not arrive there", lambda r: r["forwarding"]["spans_accepted"] - r["forwarding"]["arrived"], "{:,.0f}"),
    ]
    head = ["", *names, *(["Collector / Sightline"] if "Collector" in results else [])]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for what, value, form in rows:
        cells = [form.format(value(results[n])) for n in names]
        if "Collector" in results:
            own = value(results["Sightline"])
            cells.append(f"{value(results['Collector']) / own:.1f}" if own else "-")
        lines.append(f"| {what} | " + " | ".join(cells) + " |")
    lines += ["", f"The same configuration file and the same requests of 395 spans for {seconds:g} s each, two connections with one call at a time; CPU from /proc/PID/stat, with 8 s after the last answer. "
              f"The steady rate is {results['Sightline']['rate']:,.0f} spans/s" + (", half of what the collector takes flat out." if "Collector" in results else ", half of what it takes flat out.")]
    return "\n".join(lines) + "\n"


def version() -> str:
    text = (ROOT / "interop/otelcol/manifest.yaml").read_text() if (ROOT / "interop/otelcol/manifest.yaml").exists() else ""
    found = re.search(r"^  version: (\S+)", text, re.M)
    return "v" + found[1] if found else ""
