"""A real S3-compatible server on a free loopback port.

VERSITYGW=/path/to/versitygw picks versitygw, which checks the signature of every request (interop/s3/run does); else moto's server
runs, from a virtual environment of its own. It checks none: its own way to do so fails for lists with a "/" in their prefix.
"""
import importlib.metadata
import os
import subprocess
import sys
import unittest

from harness import ROOT, Program, eventually, free_port, request

VENV = ROOT / "build" / "s3-venv"
REQUIREMENTS = ROOT / "tests" / "s3-requirements.txt"
BUCKET = "traces"

def python_with_moto() -> str:
    wanted = next(line for line in REQUIREMENTS.read_text().splitlines() if line.startswith("moto")).split("==")[1]
    try:
        import flask, moto.server  # noqa: F401
        if importlib.metadata.version("moto") == wanted:
            return sys.executable
    except ImportError:
        pass
    python, stamp = VENV / "bin" / "python", VENV / "installed.txt"
    if not stamp.exists() or stamp.read_text() != REQUIREMENTS.read_text():
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
            subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(REQUIREMENTS)], check=True)
        except subprocess.CalledProcessError as fault:
            raise unittest.SkipTest(f"LOUDLY: no S3-compatible server could be installed, so object storage was not tried: {fault}")
        stamp.write_text(REQUIREMENTS.read_text())
    return str(python)


class S3Server:
    def __init__(self, directory: str):
        self.directory, self.bucket, self.port = directory, BUCKET, free_port()
        self.endpoint = f"localhost:{self.port}"
        self.versitygw = os.environ.get("VERSITYGW")
        self.start()
        self.access_key, self.secret_key = "tester", "secret"
        self.checks_signatures = bool(self.versitygw)
        if self.versitygw:
            os.makedirs(os.path.join(directory, "objects", BUCKET), exist_ok=True)
        else:
            made = request("PUT", f"http://{self.endpoint}/{BUCKET}")
            assert made.status == 200, made.body

    def start(self):
        if self.versitygw:
            os.makedirs(os.path.join(self.directory, "objects"), exist_ok=True)
            self.program = Program([self.versitygw, "--port", f"127.0.0.1:{self.port}", "--virtual-domain", self.endpoint,
                                    "posix", os.path.join(self.directory, "objects")], self.directory, "s3",
                                   {"ROOT_ACCESS_KEY": "tester", "ROOT_SECRET_KEY": "secret"})
        else:
            self.program = Program([python_with_moto(), "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)], self.directory, "s3")
        eventually("the S3 server", 60, lambda: request("GET", f"http://{self.endpoint}/favicon.ico").status < 500)

    def stop(self):
        if self.program.process.poll() is None:
            self.program.kill()

    @property
    def for_unit_tests(self) -> str:
        return f"{self.endpoint} {self.bucket} {self.access_key} {self.secret_key}" + (" checked" if self.checks_signatures else "")
