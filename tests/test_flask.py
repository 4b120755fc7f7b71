"""The standard demo service itself, unmodified: Flask with OpenTelemetry's SDK, exporting to the demo's files."""
import subprocess
import sys

from harness import ROOT, SHARED, Ports, eventually, get, port_is_free
from test_chain import ChainSteps

APP = SHARED / "seed" / "app.py"
VENV = ROOT / "build" / "flask-venv"


def python_with_flask() -> str:
    """An interpreter that has what the service imports."""
    python = VENV / "bin" / "python"
    requirements = ROOT / "tests" / "flask-requirements.txt"
    stamp = VENV / "installed.txt"
    if not stamp.exists() or stamp.read_text() != requirements.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)], check=True)
        stamp.write_text(requirements.read_text())
    return str(python)


class Flask(ChainSteps):
    def test_from_the_flask_service_to_the_trace(self):
        if not APP.exists():
            self.skipTest(f"LOUDLY: {APP} is not there, so the Python service was not tried")
        taken = [p for p in Ports.CHAIN.values() if not port_is_free(p)]
        if taken:
            self.skipTest(f"LOUDLY: ports {taken} are in use by others")
        python = python_with_flask()
        self.ports = Ports(free=False)
        files = self.chain_files(self.ports)
        sightline = self.start(["run", "--otelcol-config", str(ROOT / "demo/otelcol-config.yaml"), "--tempo-config", str(ROOT / "demo/tempo.yaml"),
                                "--prometheus-config", str(ROOT / "demo/prometheus.yaml"), "--provisioning", files["provisioning"]])
        self.ready(sightline, "http://localhost:9090/-/ready")
        from harness import Program
        flask = Program([python, str(APP)], self.dir, "flask")
        self.addCleanup(flask.stop)
        eventually("the Flask service", 20, lambda: get("http://localhost:5000/").status == 200)
        # Its batch span processor sends every five seconds; what we add to that is what counts.
        self.check_all(exposition=2 + 5, scraped=17 + 5)
