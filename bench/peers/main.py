"""Sightline beside the real ones, in one run with the same input. Writes bench/results/peers_<table>.md and .json.

main.py [metrics] [queries] [collector]; all three by default. Programs that are not there are left out: the figures then are
Sightline's alone, and the page says so. Everything runs on free ports of loopback, in a temporary directory below build/.
"""
import argparse
import json
import pathlib
import tempfile

import collector
import metrics
import programs
import queries
from hardware import hardware

RESULTS = programs.ROOT / "bench/results"
TITLES = {"metrics": "The metrics store", "queries": "Queries", "collector": "The collector"}


def write(name: str, on: dict, versions: dict[str, str], table: str, figures, arguments) -> None:
    alone = "" if len(versions) > 1 else "\nThe real ones were not there (`bench/peers/build` makes them, with Go): Sightline's own figures alone.\n"
    command = f"script/bench peers {name}" + "".join(f" --{k}={v}" for k, v in arguments.items())
    page = (f"# {TITLES[name]}, beside the real ones\n\n`{command}` on {on['cpu']}, {on['cores']} cores, {on['memory_mib']} MiB; load average before: "
            f"{on['others_running']}. " + ", ".join(f"{n} {v}".strip() for n, v in versions.items()) + f".\n{alone}\n{table}")
    (RESULTS / f"peers_{name}.md").write_text(page)
    (RESULTS / f"peers_{name}.json").write_text(json.dumps({"hardware": on, "versions": versions, "figures": figures}, indent=1) + "\n")
    print(page, flush=True)


def run_stores(wanted: list[str], directory: pathlib.Path, a) -> None:
    on = hardware()
    file = directory / "workload"
    workload = metrics.make_workload(file, a.series, a.samples)
    print(f"workload: {workload}", flush=True)
    results, running = {}, []
    try:
        for kind in programs.present():
            peer = kind(directory)
            running.append(peer)
            print(f"== {peer.name}", flush=True)
            results[peer.name] = metrics.measure(peer, file, workload)
            print(json.dumps(results[peer.name]), flush=True)
        versions = {peer.name: programs.version(peer) for peer in running}
        if "metrics" in wanted:
            write("metrics", on, versions, metrics.table(results, workload), results, {"series": a.series, "samples": a.samples})
        if "queries" in wanted:
            rows = queries.measure(running, workload, a.runs)
            write("queries", on, versions, queries.table(rows, a.runs), rows, {"series": a.series, "samples": a.samples, "runs": a.runs})
    finally:
        for peer in running:
            peer.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="script/bench peers", description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="*", choices=[[], *TITLES], metavar="metrics|queries|collector")
    parser.add_argument("--series", type=int, default=20_100, help="default 20,100: 150 pods")
    parser.add_argument("--samples", type=int, default=1_440, help="of each series, every 15 s (default 1,440: six hours)")
    parser.add_argument("--runs", type=int, default=7, help="of each query (default 7)")
    parser.add_argument("--seconds", type=float, default=10, help="of each load on the collector (default 10)")
    a = parser.parse_args()
    wanted = a.tables or list(TITLES)
    RESULTS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="peers-", dir=programs.ROOT / "build") as name:
        if {"metrics", "queries"} & set(wanted):
            run_stores(wanted, pathlib.Path(name), a)
        if "collector" in wanted:
            on = hardware()
            results = collector.run(pathlib.Path(name), a.seconds)
            versions = {"Sightline": "this tree"} if len(results) == 1 else {"Collector": collector.version(), "Sightline": "this tree"}
            write("collector", on, versions, collector.table(results, a.seconds), results, {"seconds": a.seconds})


if __name__ == "__main__":
    main()
