"""The metrics store: the same remote write to each, then what it cost, what it left on disk, and how it comes back after kill -9."""
import json
import pathlib
import signal
import subprocess
import time

from programs import LOAD, MB, Peer, bytes_below, get

SETTLE_SECONDS = 75  # all three look once a minute whether blocks are due


def make_workload(file: pathlib.Path, series: int, samples: int) -> dict:
    """Ends a minute ago; whole hours of 15 s."""
    start = (int(time.time()) - samples * 15 - 120) * 1000
    done = subprocess.run([str(LOAD / "sightline_metrics_load"), "make", str(file), f"--series={series}", f"--samples={samples}", f"--start={start}"],
                          stdout=subprocess.PIPE, text=True, check=True)
    return {**json.loads(done.stdout), "start": start // 1000, "end": start // 1000 + samples * 15}


def count_samples(peer: Peer, workload: dict) -> int:
    """By queries, one for each metric, so that every sample is read: what was acknowledged must be there."""
    span = {"start": workload["start"], "end": workload["end"] + 60}
    names = get(peer.base + "/api/v1/label/__name__/values", {"match[]": '{cluster="eu-1"}', **span}, timeout=60).json["data"]
    total = 0
    for name in names:
        query = "sum(count_over_time(%s[%ds]))" % (name, workload["end"] - workload["start"] + 60)
        answer = get(peer.base + "/api/v1/query", {"query": query, "time": workload["end"] + 30}, timeout=300)
        if answer.status != 200:
            raise SystemExit(f"{peer.name}: counting the samples of {name}: {answer.status} {answer.text[:300]}")
        total += sum(int(float(r["value"][1])) for r in answer.json["data"]["result"])
    return total


def measure(peer: Peer, file: pathlib.Path, workload: dict) -> dict:
    """Leaves the program running, with the data."""
    started = peer.start()
    before = peer.cpu_seconds()
    sent = json.loads(subprocess.run([str(LOAD / "sightline_metrics_load"), "send", str(file), f"--url={peer.base}/api/v1/write"], stdout=subprocess.PIPE, text=True).stdout)
    answered = peer.cpu_seconds() - before
    settled = peer.settle(SETTLE_SECONDS)
    out = {"start_seconds": started, "sent": sent, "cpu_seconds_when_answered": answered, "cpu_seconds": peer.cpu_seconds() - before, "settled_seconds": settled, **peer.memory_mb()}
    millions = sent["samples"] / 1e6
    out["cpu_per_million"] = out["cpu_seconds"] / millions
    out["samples_found_before"] = count_samples(peer, workload)
    peer.stop(signal.SIGKILL)
    out["restart_seconds"] = peer.start()
    out["samples_found"] = count_samples(peer, workload)
    out["samples_lost"] = sent["samples"] - out["samples_found"]
    peer.work_off()
    peer.settle(10)
    stored = peer.stored()
    out["stored"] = stored
    out["bytes_per_sample"] = stored["bytes"] / (stored["samples"] or sent["samples"]) if stored["bytes"] else None
    out["directory_mb"] = bytes_below(peer.directory / "data") / MB
    return out


def table(results: dict[str, dict], workload: dict) -> str:
    ours = results["Sightline"]
    peers = [name for name in results if name != "Sightline"]

    def row(what: str, key, form: str) -> str:
        values = {name: (key(r) if callable(key) else r[key]) for name, r in results.items()}
        cells = [form.format(values[name]) if values[name] is not None else "-" for name in results]
        own = values["Sightline"]
        ratios = ["{:.1f}".format(values[name] / own) if own and values[name] is not None else "-" for name in peers]
        return "| " + " | ".join([what, *cells, *ratios]) + " |"

    head = ["", *results, *(f"{name} / Sightline" for name in peers)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head),
             row("CPU-seconds per million samples, to idle", "cpu_per_million", "{:.3f}"),
             row("of it when the last request was answered", lambda r: r["cpu_seconds_when_answered"] / r["sent"]["samples"] * 1e6, "{:.3f}"),
             row("bytes per sample on disk, index included", "bytes_per_sample", "{:.3f}"),
             row("peak resident memory, MB", "VmHWM", "{:.0f}"),
             row("resident memory when idle again, MB", "VmRSS", "{:.0f}"),
             row("restart after kill -9 to ready, s", "restart_seconds", "{:.3f}"),
             row("seconds from first request to last answer", lambda r: r["sent"]["seconds"], "{:.1f}"),
             row("requests retried", lambda r: r["sent"]["retried"], "{}"),
             row("samples missing after kill -9", "samples_lost", "{}"),
             row("whole data directory at the end, MB", "directory_mb", "{:.1f}")]
    lines += ["", f"{workload['series']:,} series x {workload['samples'] // workload['series']:,} samples at 15 s, {workload['exemplars']:,} exemplars, the same "
              f"{workload['bytes'] / MB:.0f} MB of snappy-packed remote write 1.0 to each over two connections. Sender: {ours['sent']['sender_cpu_seconds']:.1f} CPU-seconds, not counted. "
              f"CPU from /proc/PID/stat, counted until the program used less than 2 % of a core for ten seconds and at least {SETTLE_SECONDS} s had passed. "
              "kill -9 then. On disk: " + "; ".join(f"{name}: {r['stored']['note']}" for name, r in results.items()) + "."]
    return "\n".join(lines) + "\n"
