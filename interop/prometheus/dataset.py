"""What both programs are fed: 50 minutes at 6 s of counters with resets, classic and native histograms, gauges with gaps,
stale markers, NaN and infinities, jittered times, UTF-8 names, info metrics. The same seed gives the same bytes."""
import math
import random

from remote_write import (STALE, exemplar_message, field_bytes, histogram_message, labels_message, metadata_message,
                          sample_message)

STEP = 6_000
STEPS = 500
SLICE = 100  # steps in one request, so that time moves forward for all series together


class SeriesData:
    def __init__(self, labels: dict[str, str]):
        self.labels = labels
        self.points: list[tuple[int, bytes]] = []  # (time, TimeSeries fields)

    def sample(self, time_ms: int, value):
        self.points.append((time_ms, sample_message(time_ms, value)))

    def histogram(self, time_ms: int, h: dict):
        self.points.append((time_ms, histogram_message(time_ms, h)))

    def exemplar(self, time_ms: int, labels: dict[str, str], value: float):
        self.points.append((time_ms, exemplar_message(labels, time_ms, value)))


class Dataset:
    def __init__(self, seed: int, start_ms: int):
        self.random = random.Random(seed)
        self.start = start_ms
        self.end = start_ms + STEP * (STEPS - 1)
        self.plain: list[SeriesData] = []
        self.native: list[SeriesData] = []
        self._counters()
        self._classic_histogram()
        self._gauges()
        self._joins()
        self._names()
        self._native_histograms()

    def _times(self, jitter: int = 0):
        for i in range(STEPS):
            yield i, self.start + i * STEP + (self.random.randrange(jitter) if jitter else 0)

    def _add(self, name: str, **labels) -> SeriesData:
        series = SeriesData({"__name__": name, **labels})
        self.plain.append(series)
        return series

    def _counters(self):
        r = self.random
        for job in ("api", "web"):
            for instance in ("0", "1"):
                for method in ("GET", "POST"):
                    for code in ("200", "404", "500"):
                        s = self._add("http_requests_total", job=job, instance=instance, method=method, code=code)
                        value, resets = 0.0, {r.randrange(STEPS) for _ in range(r.randrange(3))}
                        for i, t in self._times(3):
                            value = 0.0 if i in resets else value + r.randrange(0, 12 if code == "200" else 3)
                            s.sample(t, value)
        for cpu in ("0", "1"):
            for mode in ("idle", "user", "system"):
                s = self._add("node_cpu_seconds_total", instance="0", cpu=cpu, mode=mode)
                value = r.random() * 1000
                for _, t in self._times():
                    value += r.random() * 15
                    s.sample(t, round(value, 2))

    def _classic_histogram(self):
        r = self.random
        bounds = [0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, math.inf]
        for job in ("api", "web"):
            for instance in ("0", "1"):
                labels = {"job": job, "instance": instance}
                buckets = [self._add("request_duration_seconds_bucket", le="+Inf" if math.isinf(b) else f"{b:g}", **labels) for b in bounds]
                total, count = self._add("request_duration_seconds_sum", **labels), self._add("request_duration_seconds_count", **labels)
                counts, seconds = [0] * len(bounds), 0.0
                for i, t in self._times():
                    for _ in range(r.randrange(8)):
                        took = round(r.lognormvariate(-2.5, 1.2), 4)
                        at = next(k for k, b in enumerate(bounds) if took <= b)
                        for k in range(at, len(bounds)):
                            counts[k] += 1
                        seconds += took
                        if i % 40 == 7:
                            newest = buckets[at].points[-1][0] if buckets[at].points else 0
                            if newest < t:
                                buckets[at].exemplar(t, {"trace_id": f"{r.getrandbits(128):032x}", "span_id": f"{r.getrandbits(64):016x}"}, took)
                    for k, bucket in enumerate(buckets):
                        bucket.sample(t, float(counts[k]))
                    total.sample(t, seconds)
                    count.sample(t, float(counts[-1]))

    def _gauges(self):
        r = self.random
        for room in ("kitchen", "hall", "attic"):
            s = self._add("temperature_celsius", room=room)
            value = 20.0
            for i, t in self._times(900):
                value += r.uniform(-0.4, 0.4)
                if room == "hall" and 100 <= i < 200:
                    continue                       # a gap longer than the lookback
                if room == "attic" and i % 37 == 0:
                    s.sample(t, STALE)
                elif room == "attic" and i % 11 < 7:
                    continue
                else:
                    s.sample(t, round(value, 3))
        odd = {"huge": 1.2345e21, "tiny": 1e-7, "zero": 0.0, "negative": -17.25, "nan": math.nan, "inf": math.inf, "minus_inf": -math.inf, "third": 1 / 3}
        for kind, value in odd.items():
            s = self._add("odd_value", kind=kind)
            for i, t in self._times():
                s.sample(t, -0.0 if kind == "zero" and i % 2 else value)
        for instance, size in (("0", 4.2e9), ("1", 8.4e9)):
            s = self._add("memory_bytes", instance=instance, job="api")
            for i, t in self._times():
                s.sample(t, float(int(size + 1e8 * math.sin(i / 9) + r.randrange(1000))))

    def _joins(self):
        for i in range(6):
            s = self._add("join_left", id=str(i), group="ab"[i % 2], zone="z1")
            for k, t in self._times():
                if k % 97 != i:
                    s.sample(t, float(i + k % 5))
        for i in range(5):
            s = self._add("join_right", id=str(i), group="ab"[i % 2], zone="z2")
            for k, t in self._times():
                s.sample(t, float(2 * i + k % 3))
        for group in "abc":
            s = self._add("group_limit", group=group, owner="team-" + group)
            for _, t in self._times():
                s.sample(t, {"a": 3.0, "b": 4.0, "c": 5.0}[group])
        for instance in "01":
            for job in ("api", "web"):
                s = self._add("target_info", job=job, instance=instance, version=f"1.{instance}", region="eu" if job == "api" else "us")
                b = self._add("build_info", job=job, instance=instance, revision="r" + instance)
                for _, t in self._times():
                    s.sample(t, 1.0)
                    b.sample(t, 1.0)

    def _names(self):
        for value in ("x", "y z", "ü/€", 'quo"te', "back\\slash", "line\nbreak", "<html>&"):
            s = self._add("my.utf8/metric", **{"label.with.dots": value, "plain": "p"})
            for _, t in self._times():
                s.sample(t, float(len(value)))
        for i in range(3):
            s = self._add("old_metric", n=str(i))
            for k, t in self._times():
                if k < 200 + i:
                    s.sample(t, float(k))

    def _native_histograms(self):
        r = self.random
        for job in ("api", "web"):
            s = SeriesData({"__name__": "latency_native", "job": job})
            counts, zero, total = [0] * 8, 0, 0.0
            for i, t in self._times():
                if job == "web" and i == 250:
                    counts, zero, total = [0] * 8, 0, 0.0
                for _ in range(r.randrange(1, 6)):
                    counts[r.randrange(8)] += 1
                zero += r.randrange(2)
                total += r.random()
                s.histogram(t, {"count": zero + sum(counts), "sum": total, "schema": 2, "zero_threshold": 1e-4, "zero_count": zero,
                                "positive": ([(-3, 4), (2, 4)], list(counts))})
            self.native.append(s)
        s = SeriesData({"__name__": "latency_custom", "job": "api"})
        counts, total = [0] * 4, 0.0
        for _, t in self._times():
            counts[r.randrange(4)] += r.randrange(1, 5)
            total += r.random() * 3
            s.histogram(t, {"count": sum(counts), "sum": total, "schema": -53, "positive": ([(0, 4)], list(counts)), "custom": [0.1, 1.0, 5.0]})
        self.native.append(s)
        s = SeriesData({"__name__": "gauge_native", "job": "api"})
        for _, t in self._times():
            counts = [r.randrange(9) + 0.5 for _ in range(3)]
            negative = [r.randrange(5) + 0.25 for _ in range(2)]
            s.histogram(t, {"is_float": True, "count": sum(counts) + sum(negative), "sum": r.uniform(-9, 9), "schema": 0, "hint": 3,
                            "positive": ([(0, 2), (1, 1)], counts), "negative": ([(1, 2)], negative)})
        self.native.append(s)

    def metadata(self) -> bytes:
        return b"".join(metadata_message(*entry) for entry in (
            ("http_requests_total", "counter", "Requests served.", ""),
            ("request_duration_seconds", "histogram", "How long requests took.", "seconds"),
            ("memory_bytes", "gauge", "Memory <in use> & more.", "bytes"),
            ("my.utf8/metric", "gauge", "Named in UTF-8.", "")))

    def requests(self, series: list[SeriesData]):
        """WriteRequests in time order, each a slice of time of all series."""
        for first in range(0, STEPS, SLICE):
            low, high = self.start + first * STEP, self.start + (first + SLICE) * STEP
            out = b""
            for s in series:
                fields = b"".join(payload for t, payload in s.points if low <= t < high)
                if fields:
                    out += field_bytes(1, labels_message(s.labels) + fields)
            yield out
