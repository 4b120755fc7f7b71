"""More than can be taken, for a while: twice what the process takes when it is asked as fast as it answers.

SIGHTLINE_OVERLOAD_SECONDS makes it longer."""
import http.client
import os
import pathlib
import random
import statistics
import threading
import time

import otlp
from harness import SightlineTest, eventually, free_port, get

SECONDS = float(os.environ.get("SIGHTLINE_OVERLOAD_SECONDS", "10"))
SPANS = 395
CONNECTIONS = 64
LIMIT_MIB = 600
HEADERS = {"Content-Type": "application/x-protobuf"}
PLACE = bytes(range(1, 17))  # of the trace id, in a request that is made once


def template() -> bytes:
    spans = [otlp.span(f"GET /r{i % 25}", trace_id=PLACE, span_id=(i + 1).to_bytes(8, "big"), kind=1 + i % 5,
                       attributes={"http.request.method": "GET", "http.response.status_code": 200, "url.path": f"/r{i}", "server.address": "shop.example", "user.id": f"u{i:06}",
                                   "network.protocol.version": "1.1", "text": "x" * 200}) for i in range(SPANS)]
    return otlp.export_request(spans, "shop", {"service.instance.id": "i1"})


class Sender(threading.Thread):
    """Sends at its times, or as fast as answers come; keeps what was answered."""

    def __init__(self, port: int, body: bytes, until: float, every: float = 0, first: float = 0):
        super().__init__(daemon=True)
        self.port, self.body, self.until, self.every, self.next = port, body, until, every, first
        self.accepted, self.latencies, self.refused, self.faults = [], [], 0, []

    def run(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while time.monotonic() < self.until:
            if self.every:
                time.sleep(max(0.0, self.next - time.monotonic()))
                self.next += self.every
            trace = os.urandom(16)
            begin = time.monotonic()
            try:
                connection.request("POST", "/v1/traces", self.body.replace(PLACE, trace), HEADERS)
                answer = connection.getresponse()
                text = answer.read()
            except OSError as fault:
                self.faults.append(str(fault))
                connection.close()
                continue
            if answer.status == 200:
                self.accepted.append(trace)
                self.latencies.append(time.monotonic() - begin)
            elif answer.status in (429, 503) and answer.headers["Retry-After"]:
                self.refused += 1
            else:
                self.faults.append(f"{answer.status} {text[:200]!r}")


class Overload(SightlineTest):
    def setUp(self):
        super().setUp()
        self.http, self.metrics, self.tempo, self.prometheus, self.ui = (free_port() for _ in range(5))
        self.program = self.start(["run", "--config", self.write("sightline.yaml", f"""
server: {{ui: "127.0.0.1:{self.ui}", prometheus: "127.0.0.1:{self.prometheus}"}}
tempo: {{server: {{http_listen_address: 127.0.0.1, http_listen_port: {self.tempo}}}}}
otelcol:
  receivers: {{otlp: {{protocols: {{http: {{endpoint: "127.0.0.1:{self.http}"}}}}}}}}
  processors: {{memory_limiter: {{check_interval: 100ms, limit_mib: {LIMIT_MIB}, spike_limit_mib: 150}}}}
  connectors: {{spanmetrics: {{dimensions: [{{name: http.request.method}}], exemplars: {{enabled: true}}}}}}
  exporters: {{prometheus: {{endpoint: "127.0.0.1:{self.metrics}"}}, sightline: }}
  service:
    pipelines:
      traces: {{receivers: [otlp], processors: [memory_limiter], exporters: [sightline, spanmetrics]}}
      metrics: {{receivers: [spanmetrics], exporters: [prometheus]}}
"""), "--data-dir", self.dir + "/data"])
        self.addCleanup(lambda: self.program.stop(90))  # what waits is written first
        self.ready(self.program, f"http://localhost:{self.tempo}/ready")

    def send(self, seconds: float, connections: int, rate: float = 0) -> list[Sender]:
        now = time.monotonic()
        every = connections / rate if rate else 0
        senders = [Sender(self.http, self.body, now + seconds, every, now + i * every / connections) for i in range(connections)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        return senders

    def peak_mib(self) -> float:
        status = pathlib.Path(f"/proc/{self.program.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def test_twice_what_can_be_taken(self):
        self.body = template()
        before = self.send(8, 2)
        answered = sum(len(s.accepted) for s in before)
        rate = answered / 8
        offered = 2 * rate
        began = time.monotonic()
        senders = self.send(SECONDS, CONNECTIONS, offered)
        took = time.monotonic() - began
        accepted = [trace for s in before + senders for trace in s.accepted]
        latencies = sorted(x for s in senders for x in s.latencies)
        refused, faults = sum(s.refused for s in senders), [f for s in senders for f in s.faults]
        p50, p99 = latencies[len(latencies) // 2], latencies[int(len(latencies) * 0.99)]
        print(f"    {SECONDS:g} s at {offered:.0f} requests/s of {SPANS} spans (two connections took {rate:.0f}): {len(latencies) / took:.0f} accepted and {refused / took:.0f} refused a second, "
              f"p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, peak {self.peak_mib():.0f} MiB")
        self.assertEqual(faults, [])
        self.assertLess(self.peak_mib(), LIMIT_MIB)
        self.assertLess(p99, max(2, 3 * CONNECTIONS / rate))  # no queue but that of the connections
        # Offered half of what it can take it recovers: at once where the machine has nothing else to do.
        for calm in range(1, 91):
            after = self.send(1, 2, rate / 2)
            accepted += [trace for s in after for trace in s.accepted]
            if not sum(s.refused for s in after):
                break
        print(f"    takes everything again in second {calm}")
        self.assertEqual(sum(s.refused for s in after), 0)
        self.assertLess(statistics.median(x for s in after for x in s.latencies), max(0.5, 3 * statistics.median(x for s in before for x in s.latencies)))
        # What was accepted is counted once, and there.
        counted = sum(float(line.rsplit(" ", 1)[1]) for line in get(f"http://localhost:{self.metrics}/metrics", timeout=60).text.splitlines()
                      if line.startswith("traces_span_metrics_calls_total{"))
        self.assertEqual(counted, SPANS * len(accepted))
        for trace in random.sample(accepted, min(100, len(accepted))):
            answer = eventually("an accepted trace", 20, lambda: (lambda a: a if a.status == 200 else None)(get(f"http://localhost:{self.tempo}/api/traces/{trace.hex()}", timeout=60)))
            self.assertEqual(answer.text.count('"spanId"'), SPANS)
