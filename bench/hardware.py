"""What the figures came from. No host names, dates or paths: results are compared with git diff."""
import os
import pathlib
import re


def hardware() -> dict:
    cpu = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    memory = re.search(r"^MemTotal:\s*(\d+) kB", pathlib.Path("/proc/meminfo").read_text(), re.M)
    return {"cpu": cpu[1] if cpu else "unknown", "cores": os.cpu_count(), "memory_mib": int(memory[1]) // 1024,
            "others_running": round(os.getloadavg()[0], 1)}  # load average before: figures of a busy machine say so
