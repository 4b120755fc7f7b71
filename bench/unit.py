"""unit.py BENCHMARK RESULT.json: runs one Google Benchmark program and keeps what says something about its figures."""
import json
import subprocess
import sys
import tempfile

from hardware import hardware

DROPPED = {"run_name", "run_type", "family_index", "per_family_instance_index", "repetition_index", "repetitions", "threads"}


def main(program: str, result: str) -> None:
    measured_on = hardware()
    with tempfile.NamedTemporaryFile() as raw:
        subprocess.run([program, "--benchmark_out_format=json", f"--benchmark_out={raw.name}"], check=True)
        report = json.load(open(raw.name))
    context = report["context"]
    measured_on["mhz"] = context["mhz_per_cpu"]
    measured_on["caches"] = [f'L{c["level"]} {c["type"]} {c["size"] // 1024} KiB' for c in context["caches"]]
    figures = [{k: round(v, 3) if isinstance(v, float) else v for k, v in b.items() if k not in DROPPED}
               for b in report["benchmarks"]]
    with open(result, "w") as out:
        json.dump({"hardware": measured_on, "benchmarks": figures}, out, indent=1)
        out.write("\n")


main(*sys.argv[1:])
