"""How the metrics store's cost grows: processor time by samples, memory by series. Writes bench/results/metrics_scale.md and .json."""
import json
import pathlib
import re
import shutil
import subprocess
import tempfile

from hardware import hardware

PROGRAM = pathlib.Path("build/release/bin/sightline_metrics_store")
# Series, samples of each. From 180 on, 45 minutes, blocks are cut: what a series takes then is the most it takes.
STEPS = [(1_000, 1_000), (10_000, 100), (10_000, 1_000), (100_000, 100), (100_000, 240), (1_000_000, 10), (1_000_000, 40)]


def measure(series: int, samples: int) -> dict:
    directory = tempfile.mkdtemp(prefix="sightline-scale-", dir="/dev/shm" if pathlib.Path("/dev/shm").is_dir() else None)
    try:
        text = subprocess.run([PROGRAM, "--dir", directory + "/db", f"--series={series}", f"--samples={samples}", "--only-write"],
                              check=True, stdout=subprocess.PIPE, text=True).stdout
    finally:
        shutil.rmtree(directory, ignore_errors=True)

    def figure(name: str) -> float:
        return float(re.search(rf"^{name}\s+([0-9.]+)", text, re.M)[1])

    return {"series": series, "samples": samples, "cpu_seconds_a_million": figure("CPU-seconds a million"),
            "resident_mb": figure("peak resident memory"), "bytes_a_series": figure("resident a series")}


def main() -> None:
    machine = hardware()
    rows = [measure(*step) for step in STEPS]
    results = pathlib.Path("bench/results")
    (results / "metrics_scale.json").write_text(json.dumps({"hardware": machine, "rows": rows}, indent=1) + "\n")
    lines = ["# The metrics store, from a thousand series to a million", "",
             f"`script/bench metrics_scale` on {machine['cpu']}, {machine['cores']} cores; load average before: {machine['others_running']}.", "",
             "| series | samples of each | CPU-seconds per million samples | resident, MB | bytes a series |", "|---|---|---|---|---|"]
    lines += [f"| {r['series']:,} | {r['samples']:,} | {r['cpu_seconds_a_million']:.3f} | {r['resident_mb']:.0f} | {r['bytes_a_series']:.0f} |" for r in rows]
    lines += ["", "Processor time of the store alone, from request to log, head and blocks; new series included, which cost more than",
              "samples: the shorter the run, the more of it they are. Bytes a series: anonymous memory beyond that of the empty store,",
              "of everything, the open samples and the receiver's memory of names included. The most a series takes is that of the rows",
              "with 240 samples and more: half an hour of its samples lies sealed, as much is open, and the block of it is being made."]
    (results / "metrics_scale.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


main()
