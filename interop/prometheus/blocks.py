"""Blocks out of one program and into the other: snapshots of both after a delete, ours exported, theirs imported and exported again, and every
sample compared as the peer's promtool prints it."""
import os
import subprocess
import time
import urllib.parse

from harness import BINARY, request

SCRAPED = ("page_", "up{", "scrape_")  # what each program scraped by itself


def _admin(base: str, what: str, **params) -> dict:
    answer = request("POST", f"{base}/api/v1/admin/tsdb/{what}?{urllib.parse.urlencode(params)}", b"", {}, timeout=60)
    if answer.status not in (200, 204):
        raise RuntimeError(f"{base} {what}: {answer.status} {answer.text}")
    return answer.json["data"] if answer.status == 200 else {}


def _run(*args: str) -> str:
    done = subprocess.run(args, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(args)}: exit status {done.returncode}\n{done.stdout[-500:]}{done.stderr[-500:]}")
    return done.stdout


def _dump(promtool: str, directory: str) -> list[str]:
    os.makedirs(os.path.join(directory, "wal"), exist_ok=True)
    lines = _run(promtool, "tsdb", "dump", directory).splitlines()
    return sorted(line for line in lines if '__name__="' in line and not line.split('__name__="', 1)[1].startswith(SCRAPED))


def _difference(ours: list[str], theirs: list[str]) -> str | None:
    if ours == theirs:
        return None
    a, b = set(ours), set(theirs)
    return (f"{len(ours)} and {len(theirs)} lines"
            f"\n    only ours   {sorted(a - b)[:3]}\n    only theirs {sorted(b - a)[:3]}")


def compare(both, report, promtool: str):
    middle = both.data.start / 1000 + 1200
    for base in (both.ours, both.theirs):
        _admin(base, "delete_series", **{"match[]": '{job="web"}', "start": f"{middle:.3f}", "end": f"{middle + 600:.3f}"})
    time.sleep(0.1)
    path = lambda *parts: os.path.join(both.directory, *parts)  # noqa: E731
    ours = path("ours", "metrics", "snapshots", _admin(both.ours, "snapshot")["name"])
    theirs = path("theirs", "snapshots", _admin(both.theirs, "snapshot")["name"])
    expected = _dump(promtool, theirs)
    steps = [
        ("blocks we export are what the peer stored", lambda: (
            _run(BINARY, "blocks", "export", path("exported"), "--data-dir", ours), _dump(promtool, path("exported")))[1]),
        ("blocks of the peer, imported and exported again", lambda: (
            _run(BINARY, "blocks", "import", theirs, "--data-dir", path("imported")),
            _run(BINARY, "blocks", "verify", "--data-dir", path("imported")),
            _run(BINARY, "blocks", "export", path("again"), "--data-dir", path("imported")), _dump(promtool, path("again")))[3]),
    ]
    for name, step in steps:
        try:
            fault = _difference(step(), expected)
        except RuntimeError as error:
            fault = str(error)
        report.note("blocks", name, fault)
    for tool in ("list", "analyze"):
        try:
            fault = None if "DURATION" in (text := _run(promtool, "tsdb", tool, path("exported")).upper()) else text
        except RuntimeError as error:
            fault = str(error)
        report.note("blocks", f"promtool tsdb {tool}", fault)
