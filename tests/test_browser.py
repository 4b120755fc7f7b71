"""A person's way in a real browser: dashboard, dot, tooltip, click, trace. Drives Chromium through playwright-core."""
import os
import shutil
import subprocess
import time

from harness import ROOT, Ports, SightlineTest, eventually, get


class Browser(SightlineTest):
    def test_from_a_dot_to_the_trace_behind_it(self):
        chromium = shutil.which("chromium")
        if not chromium or not (ROOT / "ui/node_modules/playwright-core").is_dir():
            self.skipTest("LOUDLY: needs Chromium and ui/node_modules")
        ports = Ports()
        files = self.chain_files(ports)
        # A short scrape interval: what is tried here is the page, not the wait.
        path = files["prometheus"]
        text = open(path).read().replace("scrape_interval: 15s", "scrape_interval: 1s")
        open(path, "w").write(text.replace("evaluation_interval: 1s", "evaluation_interval: 15s"))
        sightline = self.start(["run", "--otelcol-config", files["otelcol-config"], "--tempo-config", files["tempo"],
                                "--prometheus-config", path, "--provisioning", files["provisioning"],
                                "--web.listen-address", f"127.0.0.1:{ports.prometheus}",
                                "--ui.listen-address", f"127.0.0.1:{ports.ui}", "--data-dir", self.dir + "/data"])
        self.ready(sightline, f"http://localhost:{ports.prometheus}/-/ready")
        self.start(["demo", "--listen-address", f"127.0.0.1:{ports.demo}", "--otlp-endpoint", f"localhost:{ports.otlp_grpc}"], "demo")
        demo = f"http://localhost:{ports.demo}"
        eventually("the demo service", 5, lambda: get(demo + "/").status == 200)
        for _ in range(6):
            get(demo + "/")
            get(demo + "/slow")
        uid = get(f"http://localhost:{ports.ui}/api/ui/dashboards").json[0]["uid"]
        time.sleep(1.5)  # one more scrape
        pictures = os.environ.get("SIGHTLINE_PICTURES", self.dir)
        for width in (1440, 390):
            with self.subTest(width=width):
                done = subprocess.run(["node", str(ROOT / "tests/browser/dot_to_trace.mjs"), f"http://localhost:{ports.ui}", uid,
                                       str(width), chromium, pictures], capture_output=True, text=True, timeout=120)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
