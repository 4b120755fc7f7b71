"""PromQL over HTTP: the same questions to each, in turns; how long until the answer was read whole, and whether it is the same."""
import json
import math
import re
import socket
import statistics
import time
import urllib.parse

from programs import Peer

STEP = 30
RANGE_SECONDS = 5 * 3600
TOLERANCE = 1e-9
BUCKETS = "http_server_request_duration_seconds_bucket"
RATE = f"rate({BUCKETS}[5m])"

# What is asked, and how: over the range, or once.
QUESTIONS = [
    ("range", "sum by (route) (rate(requests_total[5m]))"),
    ("range", RATE),
    ("range", f"histogram_quantile(0.99, sum by (le) ({RATE}))"),
    ("range", f"histogram_quantile(0.99, sum by (le, route) ({RATE}))"),
    ("range", 'sum(rate(requests_total{status=~"5.."}[5m])) / sum(rate(requests_total[5m]))'),
    ("range", "topk(5, rate(table_queries_total[5m]))"),
    ("range", "queue_length / on (instance) group_left (version) go_threads_max"),
    ("range", 'max_over_time(process_resident_memory_bytes{instance=~"10.4.0.1[0-4][0-9]:8080"}[1h])'),
    ("range", "max_over_time(sum(rate(requests_total[1m]))[10m:30s])"),
    ("range", 'count({__name__=~".+"})'),
    ("instant", f"histogram_quantile(0.99, sum by (le, route) ({RATE}))"),
]


class Answer:
    def __init__(self, status: int, body: bytes, seconds: float):
        self.status, self.body, self.seconds = status, body, seconds


def without_chunks(body: bytes) -> bytes:
    out, at = [], 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end].split(b";")[0], 16)
        if size == 0:
            return b"".join(out)
        out.append(body[end + 2:end + 2 + size])
        at = end + 2 + size + 2


class Client:
    """Reads into one large buffer until the peer closes, and looks at what came afterwards: cheap, and the same for all."""

    def __init__(self):
        self.buffer = bytearray(512 << 20)

    def ask(self, peer: Peer, kind: str, parameters: dict) -> Answer:
        path = f"/api/v1/query{'_range' if kind == 'range' else ''}?" + urllib.parse.urlencode(parameters)
        question = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{peer.port}\r\nConnection: close\r\n\r\n".encode()
        view, size = memoryview(self.buffer), 0
        begin = time.perf_counter()
        with socket.create_connection(("127.0.0.1", peer.port), 120) as s:
            s.sendall(question)
            while n := s.recv_into(view[size:], 1 << 20):
                size += n
        seconds = time.perf_counter() - begin
        head_end = self.buffer.index(b"\r\n\r\n", 0, size) + 4
        head, body = bytes(view[:head_end]), bytes(view[head_end:size])
        if b"transfer-encoding: chunked" in head.lower():
            body = without_chunks(body)
        return Answer(int(head.split()[1]), body, seconds)


ELEMENT = re.compile(rb'\{"metric":(\{.*?\}),"values?":(\[.*?\])\}(?=[,\]])', re.S)


def elements(body: bytes) -> dict[str, bytes]:
    """Labels in one order -> the text of the values; texts are compared first, numbers only where they differ."""
    return {json.dumps(json.loads(metric), sort_keys=True): values for metric, values in ELEMENT.findall(body)}


def same_numbers(a: bytes, b: bytes) -> float:
    """The largest relative difference; infinite when points differ."""
    x, y = json.loads(a), json.loads(b)
    if x and not isinstance(x[0], list):
        x, y = [x], [y]
    if [p[0] for p in x] != [p[0] for p in y]:
        return math.inf
    worst = 0.0
    for (_, v), (_, w) in zip(x, y):
        if v == w:
            continue
        v, w = float(v), float(w)
        if math.isnan(v) and math.isnan(w):
            continue
        if not (math.isfinite(v) and math.isfinite(w)):
            return math.inf
        worst = max(worst, abs(v - w) / max(abs(v), abs(w)))
    return worst


def difference(ours: Answer, theirs: Answer) -> float:
    """The largest relative difference of two answers, infinite when series, times or statuses differ."""
    if ours.status != 200 or theirs.status != 200:
        return math.inf
    a, b = elements(ours.body), elements(theirs.body)
    if a.keys() != b.keys() or not a:
        return math.inf
    return max((same_numbers(a[k], b[k]) for k in a if a[k] != b[k]), default=0.0)


def measure(peers: list[Peer], workload: dict, runs: int) -> list[dict]:
    client, out = Client(), []
    end = workload["end"] // STEP * STEP
    for kind, text in QUESTIONS:
        parameters = {"query": text, "time": end} if kind == "instant" else {"query": text, "start": end - RANGE_SECONDS, "end": end, "step": STEP}
        times, answers = {peer.name: [] for peer in peers}, {}
        for run in range(runs + 1):  # the first one warms up and is compared, not counted
            for peer in peers:
                answer = client.ask(peer, kind, parameters)
                if run == 0:
                    answers[peer.name] = answer
                else:
                    times[peer.name].append(answer.seconds * 1000)
        row = {"kind": kind, "query": text, "series": answers["Sightline"].body.count(b'{"metric":'), "bytes": len(answers["Sightline"].body),
               "median_ms": {name: statistics.median(t) for name, t in times.items()}, "min_ms": {name: min(t) for name, t in times.items()},
               "status": {name: a.status for name, a in answers.items()}}
        if "Prometheus" in answers:
            row["difference"] = difference(answers["Sightline"], answers["Prometheus"])
            row["same"] = row["difference"] <= TOLERANCE
        if answers["Sightline"].status != 200:
            row["fault"] = answers["Sightline"].body[:300].decode(errors="replace")
        out.append(row)
        print(f"   {kind} {text}: " + ", ".join(f"{n} {t:.1f} ms" for n, t in row["median_ms"].items()) + ("" if row.get("same", True) else "  DIFFERENT ANSWER"), flush=True)
    return out


def table(rows: list[dict], runs: int) -> str:
    names = list(rows[0]["median_ms"])
    peers = [n for n in names if n != "Sightline"]
    head = ["query", "series", *(f"{n}, ms" for n in names), *(f"{n} / Sightline" for n in peers), "same answer"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        text = row["query"].replace("|", "\\|")
        times = row["median_ms"]
        same = {True: "yes", False: "**NO**"}.get(row.get("same"), "not compared")
        ok = all(s == 200 for s in row["status"].values())
        cells = [f"{'instant ' if row['kind'] == 'instant' else ''}`{text}`", str(row["series"]), *(f"{times[n]:.1f} ({row['min_ms'][n]:.1f})" for n in names),
                 *(f"{times[n] / times['Sightline']:.1f}" for n in peers), same if ok else f"status {row['status']}"]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", f"Median of {runs} (fastest), asked in turns, each answer read whole on a fresh connection by the same client; {RANGE_SECONDS // 3600} h range, {STEP} s step. "
              f"Same answer: Sightline's and Prometheus' labels, times and values, to a relative {TOLERANCE:g}. VictoriaMetrics computes rates without extrapolation, so its numbers are its own; "
              "its caches of results are off (-search.disableCache)."]
    return "\n".join(lines) + "\n"
