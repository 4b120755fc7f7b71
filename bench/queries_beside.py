"""Whether trace queries slow ingestion: the same load flat out, alone and with queries beside it, in turn.

queries_beside.py [--seconds N] [--rounds N] [--clients N]: SIGHTLINE_BIN (default: the release build) and the sightline_load
beside it. Each round measures both on one program that was filled before; its ratio is spans/s beside over alone. Meanwhile a
person asks what pages ask, and waits a little between answers. Writes bench/results/queries_beside.json and .md.
"""
import argparse
import itertools
import json
import statistics
import subprocess
import threading
import time
import urllib.error

from hardware import hardware
from whole import RESULTS, get, load, load_command, own_file, server

FILL_SECONDS = 6
SETTLE_SECONDS = 15  # idle traces become blocks, so that each load begins alike
QUESTIONS = {  # each reads everything that is stored
    "rate by name": ("/api/metrics/query", "{ } | rate() by(name)"),
    "quantile by service": ("/api/metrics/query", "{ } | quantile_over_time(duration, .9) by(resource.service.name)"),
    "structural": ("/api/search", "{ kind = server } >> { status = error && duration > 1h }"),
    "aggregate": ("/api/search", "{ } | by(resource.service.name) | count() > 100000"),
    "regex": ("/api/search", '{ span.db.statement =~ ".*nobody.*" }'),
}

BRIEF = {  # what somebody waits for
    "newest 20 with errors": ("/api/search", {"q": "{ status = error }", "limit": 20}),
    "newest 20 of a service": ("/api/search", {"q": '{ resource.service.name = "frontend" }', "limit": 20}),
    "values of a tag": ("/api/v2/search/tag/span.http.request.method/values", {"q": "{ }", "limit": 10}),
}
BETWEEN_SECONDS = 0.2


class Person:
    """A thread that asks brief questions, one after the other with a pause between, and knows how long each took."""

    def __init__(self, port: int):
        self.taken, self.refused, self.ended = [], 0, threading.Event()
        self.thread = threading.Thread(target=self.ask, args=(port,))
        self.thread.start()

    def ask(self, port: int) -> None:
        for path, parameters in itertools.cycle(BRIEF.values()):
            if self.ended.wait(BETWEEN_SECONDS):
                return
            begin = time.monotonic()
            try:
                get(port, path, parameters)
                self.taken.append(time.monotonic() - begin)
            except (urllib.error.URLError, OSError):
                self.refused += 1

    def stop(self) -> dict:
        self.ended.set()
        self.thread.join()
        ms = sorted(round(1000 * t, 1) for t in self.taken)
        return {"answered": len(ms), "failed": self.refused, "p50_ms": statistics.median(ms) if ms else None, "max_ms": ms[-1] if ms else None}


class Memory:
    """The most anonymous memory, in MiB, that a program had while this existed."""

    def __init__(self, running):
        self.most, self.ended = 0.0, threading.Event()
        self.thread = threading.Thread(target=self.watch, args=(running,))
        self.thread.start()

    def watch(self, running) -> None:
        while not self.ended.wait(0.1):
            self.most = max(self.most, running.status()["anonymous_mib"])

    def stop(self) -> float:
        self.ended.set()
        self.thread.join()
        return self.most


class Clients:
    """Threads that ask one question after the other until they are told to stop."""

    def __init__(self, port: int, count: int):
        self.answered, self.refused, self.taken, self.ended = 0, 0, [], threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.ask, args=(port, i)) for i in range(count)]
        for thread in self.threads:
            thread.start()

    def ask(self, port: int, first: int) -> None:
        questions = list(QUESTIONS.values())
        for path, query in itertools.cycle(questions[first % len(questions):] + questions[:first % len(questions)]):
            if self.ended.is_set():
                return
            begin = time.monotonic()
            try:
                get(port, path, {"q": query, "start": int(time.time()) - 3600, "end": int(time.time()) + 60})
                with self.lock:
                    self.answered += 1
                    self.taken.append(time.monotonic() - begin)
            except (urllib.error.URLError, OSError):
                with self.lock:
                    self.refused += 1

    def stop(self) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()


def measure(seconds: float, rounds: int, clients: int) -> dict:
    with server(own_file) as (running, ports, _):
        pid = running.process.pid
        load(ports.grpc, pid, seconds=FILL_SECONDS, mix="shop")
        time.sleep(SETTLE_SECONDS)
        figures = []
        for _ in range(rounds):
            memory = Memory(running)
            alone = load(ports.grpc, pid, seconds=seconds, mix="shop")
            memory_alone = memory.stop()
            time.sleep(SETTLE_SECONDS)
            memory = Memory(running)
            asking, person = Clients(ports.tempo, clients), Person(ports.tempo)
            beside = load(ports.grpc, pid, seconds=seconds, mix="shop")
            brief, memory_beside = person.stop(), memory.stop()
            asking.stop()
            time.sleep(SETTLE_SECONDS)
            figures.append({"alone": alone["spans_per_second"], "beside": beside["spans_per_second"],
                            "ratio": round(beside["spans_per_second"] / max(1, alone["spans_per_second"]), 3),
                            "refused": beside["refused"], "answered": asking.answered, "failed": asking.refused,
                            "query_p50_ms": round(1000 * statistics.median(asking.taken), 1) if asking.taken else None,
                            "brief": brief, "anonymous_mib": {"alone": memory_alone, "beside": memory_beside},
                            "p99_ms": {"alone": alone["latency_ms"]["p99"], "beside": beside["latency_ms"]["p99"]}})
        total = {name: sum(f[name] for f in figures) for name in ("alone", "beside")}
        return {"clients": clients, "rounds": figures, "ratio": round(total["beside"] / max(1, total["alone"]), 3)}


def table(figures: dict) -> str:
    on = figures["hardware"]
    lines = [f"`bench/queries_beside.py` on {on['cpu']}, {on['cores']} cores; load average before: {on['others_running']}. Ingestion flat out over "
             f"gRPC, alone and with {figures['clients']} clients beside it that ask questions over everything stored.", "",
             f"**Ratio {figures['ratio']}** over all rounds (goal: at least 0.9).", "",
             "Brief answers: what a person asks meanwhile (20 newest traces, values of a tag), while the load is on. Memory: anonymous, the most there was.", "",
             "| alone, spans/s | beside | ratio | export p99 alone | beside | answers over everything | their median | brief answers | median | slowest | memory alone | beside |",
             "|---|---|---|---|---|---|---|---|---|---|---|---|"]
    lines += [f"| {r['alone']:,} | {r['beside']:,} | {r['ratio']} | {r['p99_ms']['alone']} ms | {r['p99_ms']['beside']} ms | {r['answered']} | {r['query_p50_ms']} ms "
              f"| {r['brief']['answered']} | {r['brief']['p50_ms']} ms | {r['brief']['max_ms']} ms | {r['anonymous_mib']['alone']} MiB | {r['anonymous_mib']['beside']} MiB |"
              for r in figures["rounds"]]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5, help="of each load (default 5)")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--clients", type=int, default=4)
    given = parser.parse_args()
    figures = {"hardware": hardware(), **measure(given.seconds, given.rounds, given.clients)}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "queries_beside.json").write_text(json.dumps(figures, indent=1) + "\n")
    (RESULTS / "queries_beside.md").write_text(table(figures))
    print(table(figures), end="")


if __name__ == "__main__":
    main()
