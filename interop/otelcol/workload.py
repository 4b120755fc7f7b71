"""What both programs get: spans of a recorded shop-like workload of any size and hostile ones, metrics, and an exposition."""
import random

import jaeger_thrift as thrift

KINDS = [0, 1, 2, 3, 4, 5]
NOW = 1_795_000_000_000_000_000


def text(key, value):
    return {"key": key, "value": {"stringValue": value}}


def value(key, **kind):
    return {"key": key, "value": kind}


def span(rng, name, kind, millis, attributes=(), trace=None, parent=None, status=0, events=(), **more):
    start = NOW + rng.randrange(10**9)
    made = {"traceId": trace or f"{rng.getrandbits(128):032x}", "spanId": f"{rng.getrandbits(64) | 1:016x}", "name": name, "kind": kind,
            "startTimeUnixNano": str(start), "endTimeUnixNano": str(start + int(millis * 1_000_000)), "attributes": list(attributes),
            "status": {"code": status}, "events": list(events)}
    if parent:
        made["parentSpanId"] = parent
    return made | more


def request(resource, spans, scope=None):
    return {"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [{"scope": scope or {"name": "shop", "version": "1.2"}, "spans": spans}]}]}


def recorded(count, seed=7):
    """Requests of 400 spans: services of several instances, routes, errors, calls between services."""
    rng = random.Random(seed)
    services = [(f"svc-{i}", [f"inst-{i}-{j}" for j in range(1 + i % 3)]) for i in range(12)]
    made = 0
    while made < count:
        name, instances = rng.choice(services)
        resource = [text("service.name", name), text("service.instance.id", rng.choice(instances)), text("service.namespace", "shop"),
                    text("host.name", f"host-{name[-1]}"), value("process.pid", intValue="42")]
        spans = []
        while len(spans) < 400:
            route = f"/r{rng.randrange(25)}"
            status = rng.choices([0, 1, 2], [90, 5, 5])[0]
            code = 500 if status == 2 else 200
            spans.append(span(rng, f"GET {route}", rng.choice(KINDS), rng.lognormvariate(2, 2), [text("http.method", "GET"), value("http.status_code", intValue=str(code))],
                              status=status, events=[{"name": "exception", "attributes": [text("exception.type", "E" + str(code))]}] if code == 500 else []))
        made += len(spans)
        yield request(resource, spans, {"name": rng.choice(["shop", "web"]), "version": "1.2"})


def hostile(seed=11):
    """What real senders should not send, and do."""
    rng = random.Random(seed)
    plain = [text("service.name", "odd")]
    yield request([], [span(rng, "no-service", 2, 1)])
    yield request([value("service.name", intValue="5")], [span(rng, "number-service", 2, 1)])
    yield request([text("service.name", "")], [span(rng, "empty-service", 2, 1)])
    yield request([text("service.name", "a\"b\\c\nd"), text("service.instance.id", "é☃"), text("1abc", "x"), text("_u", "y"), text("a.b", "1"), text("a_b", "2")],
                  [span(rng, "quotes \" and \\ and \n and ☃", 2, 1)])
    yield request(plain, [span(rng, "negative", 2, -50), span(rng, "zero", 2, 0), span(rng, "huge", 2, 10**9),
                          span(rng, "no-end", 2, 1, endTimeUnixNano="0"), span(rng, "future", 2, 1, startTimeUnixNano="4000000000000000000", endTimeUnixNano="4000000000001000000")])
    kinds = [value("x", intValue="200"), text("x", "200"), value("x", doubleValue=0.1), value("x", doubleValue=1e21), value("x", boolValue=True),
             value("x", bytesValue="AQI="), value("x", arrayValue={"values": [{"stringValue": "a"}, {"intValue": "1"}]}),
             value("x", kvlistValue={"values": [value("k", doubleValue=1.5)]}), {"key": "x", "value": {}}, text("x", "")]
    yield request(plain, [span(rng, "kinds", 2, 1, [kind]) for kind in kinds])
    yield request(plain, [span(rng, "collide", 2, 1, [text("a.b", "1"), text("a_b", "2")]), span(rng, "reserved", 2, 1, [text("job", "mine"), text("le", "5"), text("instance", "i")])])
    yield request(plain, [span(rng, "", 2, 1), span(rng, "n" * 2000, 2, 1), span(rng, "kind-9", 9, 1), span(rng, "status-7", 2, 1, status=7)])
    for version in ("1", "2"):
        yield request([text("service.name", "versioned"), text("service.version", version)], [span(rng, "same", 2, 3)])
    yield request(plain, [span(rng, "sampled", 2, 1, traceState="ot=th:8"), span(rng, "sampled", 2, 2, traceState="ot=th:c,x=y"), span(rng, "sampled", 2, 2, traceState="broken"),
                          span(rng, "sampled", 2, 2, traceState="ot=rv:12345678901234")])


def service_graph(seed=13):
    """Clients and servers, producers and consumers, databases, and halves of which the other side is missing."""
    rng = random.Random(seed)
    for i in range(60):
        trace = f"{rng.getrandbits(128):032x}"
        client = span(rng, "call", 3, rng.uniform(1, 900), [text("region", "eu")], trace=trace, status=2 if i % 9 == 0 else 0)
        yield request([text("service.name", f"web-{i % 3}")], [client])
        yield request([text("service.name", f"api-{i % 4}"), text("zone", "z1")], [span(rng, "serve", 2, rng.uniform(1, 500), trace=trace, parent=client["spanId"])])
        producer = span(rng, "send", 4, 3, trace=trace)
        yield request([text("service.name", "api-0")], [producer])
        yield request([text("service.name", "mail")], [span(rng, "receive", 5, 7, trace=trace, parent=producer["spanId"])])
        yield request([text("service.name", "api-1")], [span(rng, "select", 3, 4, [text("db.name", f"db{i % 2}"), text("db.system", "pg")], trace=trace)])
        yield request([text("service.name", "api-2")], [span(rng, "lost", 3, 4, [text("peer.service", "bank")], trace=trace), span(rng, "alone", 2, 4, trace=trace)])


def skewed(seed=17):
    """Clocks that differ: ends before starts, times of the year 1970 and 2096, children before their parents, durations of 584 years."""
    rng = random.Random(seed)
    for name, ahead in (("behind", -3_600_000), ("ahead", 3_600_000), ("right", 0)):
        resource = [text("service.name", name), text("service.instance.id", "i")]
        spans = []
        for i in range(40):
            start = NOW + ahead * 1_000_000 + i
            end = start + (rng.randrange(-10**9, 10**9) if i % 2 else 5_000_000)
            spans.append(span(rng, f"op-{i % 4}", 2 + i % 4, 1, startTimeUnixNano=str(start), endTimeUnixNano=str(end)))
        spans.append(span(rng, "epoch", 2, 1, startTimeUnixNano="0", endTimeUnixNano="1"))
        spans.append(span(rng, "epoch-end", 2, 1, endTimeUnixNano="0"))
        spans.append(span(rng, "all-time", 2, 1, startTimeUnixNano="0", endTimeUnixNano=str(2**63 - 1)))
        yield request(resource, spans)


def points(*made, **more):
    return {"dataPoints": [{"startTimeUnixNano": str(NOW - 10**9), "timeUnixNano": str(NOW), **p} for p in made], **more}


def metrics(_seed=19):
    """Every kind of metric, with names, units and attributes that need translating, and points that should not be."""
    exemplar = {"timeUnixNano": str(NOW - 123_456_789), "asDouble": 0.25, "traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331",
                "filteredAttributes": [text("http.route", "/x")]}
    route, other = [text("http.route", "/a b"), value("n", intValue="5")], [text("http.route", "/b"), value("ok", boolValue=True), value("f", doubleValue=0.5)]
    cumulative = {"aggregationTemporality": 2}
    made = [
        {"name": "http.server.requests", "unit": "1", "description": "All \\ of\nthem", "sum": points({"asInt": "5", "attributes": route, "exemplars": [exemplar]}, {"asDouble": 2.5, "attributes": other}, isMonotonic=True, **cumulative)},
        {"name": "queue.size", "unit": "{items}", "sum": points({"asInt": "-3"}, **cumulative)},
        {"name": "heat", "unit": "Cel", "gauge": points({"asDouble": 21.5, "attributes": other}, {"asInt": "7", "attributes": route})},
        {"name": "share", "unit": "1", "gauge": points({"asDouble": 0.25})},
        {"name": "disk.io", "unit": "By/s", "gauge": points({"asDouble": 1e21})},
        {"name": "already_total", "unit": "s", "sum": points({"asDouble": 9.75}, isMonotonic=True, **cumulative)},
        {"name": "latency", "unit": "s", "histogram": points({"count": "4", "sum": 2.5, "bucketCounts": ["1", "2", "1"], "explicitBounds": [0.1, 0.5], "attributes": route, "exemplars": [exemplar]}, **cumulative)},
        {"name": "bare", "unit": "ms", "histogram": points({"count": "4", "sum": 2.5}, **cumulative)},
        {"name": "rpc.time", "unit": "ms", "summary": points({"count": "4", "sum": 2.5, "quantileValues": [{"quantile": 0.5, "value": 0.6}, {"quantile": 0.99, "value": 1.5}]})},
        {"name": "1.starts with-a digit", "gauge": points({"asInt": "1"})},
        {"name": "d\u00e9j\u00e0.vu", "gauge": points({"asInt": "1"})},
        {"name": "gone", "gauge": points({"flags": 1})},
        {"name": "odd", "gauge": points({"asDouble": "NaN"}, {"asDouble": "Infinity", "attributes": route})},
    ]
    resource = [text("service.name", "shop"), text("service.namespace", "eu"), text("service.instance.id", "i1"), text("host.name", "h"), value("pid", intValue="7")]
    yield {"resourceMetrics": [{"resource": {"attributes": resource}, "scopeMetrics": [{"scope": {"name": "lib", "version": "1.2", "attributes": [text("scope.kind", "x")]}, "metrics": made}]},
                               {"resource": {"attributes": [text("service.name", "bank")]}, "scopeMetrics": [{"metrics": [{"name": "heat", "unit": "Cel", "gauge": points({"asDouble": 3})}]}]}]}


def exponential(_seed=23):
    """Exponential histograms, which become native ones."""
    made = [{"name": "size", "unit": "By", "exponentialHistogram": points(
        {"count": "9", "sum": 30, "scale": 2, "zeroCount": "1", "positive": {"offset": -1, "bucketCounts": ["2", "0", "3"]}, "negative": {"offset": 4, "bucketCounts": ["3"]}}, aggregationTemporality=2)}]
    yield {"resourceMetrics": [{"resource": {"attributes": [text("service.name", "shop"), text("service.instance.id", "i1")]}, "scopeMetrics": [{"metrics": made}]}]}


def jaeger(seed=29):
    """Batches of jaeger.thrift: tags of every kind, logs, references, the tags that become something else."""
    rng = random.Random(seed)
    start = NOW // 1000
    special = [("span.kind", "server"), ("error", True)], [("span.kind", "client"), ("http.status_code", 503)], [("span.kind", "producer"), ("otel.status_code", "OK")], \
        [("span.kind", "consumer"), ("otel.status_code", "ERROR"), ("otel.status_description", "bad")], [("w3c.tracestate", "a=b"), ("otel.scope.name", "lib"), ("otel.scope.version", "2")], \
        [("internal.span.format", "jaeger"), ("error", "false")], [("span.kind", "internal"), ("http.status_code", 200)], [("error", True), ("http.status_code", 404), ("http.status_message", "gone")]
    for service in ("shop", "bank"):
        spans = []
        for i, tags in enumerate(special):
            trace = rng.getrandbits(62), rng.getrandbits(62) if i % 2 else 0
            every = [("text", "x"), ("whole", 5), ("half", 0.5), ("yes", True), ("bytes", b"\x01\x02")] if i == 0 else []
            logs = [(start + 5, [("event", "started"), ("n", 3)]), (start + 6, [("message", "no event")])] if i < 2 else ()
            references = [(0, *trace, 77), (1, 5, 6, 7)] if i == 3 else ()
            spans.append(thrift.span(trace, rng.getrandbits(62) | 1, f"op-{i}", start + i, 1000 * i, tags + every, 77 if i % 3 == 0 else 0, logs, references))
        yield thrift.batch(service, [("hostname", "h"), ("ip", "10.0.0.1"), ("jaeger.version", "Go-2.30"), ("n", 4)], spans)


def zipkin(seed=31):
    """Zipkin's v2 JSON: kinds, endpoints, annotations, tags, a shared span, one without a name."""
    rng = random.Random(seed)
    start = NOW // 1000
    spans = []
    for i, kind in enumerate(("CLIENT", "SERVER", "PRODUCER", "CONSUMER", None)):
        made = {"traceId": f"{rng.getrandbits(128):032x}", "id": f"{rng.getrandbits(64) | 1:016x}", "name": f"op-{i}", "timestamp": start + i, "duration": 1000 * i + 1,
                "localEndpoint": {"serviceName": f"svc-{i % 2}", "ipv4": "10.0.0.1", "port": 80}, "tags": {"http.method": "GET", "n": "5", "ok": "true"}}
        if kind:
            made["kind"] = kind
            made["remoteEndpoint"] = {"serviceName": "other", "ipv4": "10.0.0.2", "port": 99}
        if i == 1:
            made |= {"parentId": f"{rng.getrandbits(64) | 1:016x}", "annotations": [{"timestamp": start + 2, "value": "noted"}], "debug": True}
            made["tags"]["error"] = "broken"
        if i == 3:  # what the collector's own zipkin exporter packs into texts
            made["annotations"] = [{"timestamp": start + 3, "value": 'exception|{"exception.type":"E|F","n":5,"half":0.5,"yes":true}|3'}, {"timestamp": start + 4, "value": "bare|null|1"}]
            made["tags"] |= {"otlp.link.0": f'{rng.getrandbits(128):032x}|{rng.getrandbits(64):016x}|a=b|{{"k":"x|y","whole":2}}|2',
                             "otlp.link.1": f"{rng.getrandbits(128):032x}|{rng.getrandbits(64):016x}||null|0"}
        if i == 4:
            made |= {"parentId": made["id"], "localEndpoint": {"serviceName": "lambda"}}
            made["tags"] |= {"otlp.service.name.source": "faas.name", "exponent": "1e5"}
        if i == 2:
            made["tags"] |= {"otel.status_code": "STATUS_CODE_ERROR", "otel.status_description": "bad", "otel.scope.name": "lib", "otel.scope.version": "1"}
        spans.append(made)
    yield spans


OPEN_METRICS = """# HELP jobs_seconds Done.
# TYPE jobs_seconds counter
# UNIT jobs_seconds seconds
jobs_seconds_total{kind="a b",path="C:\\\\x\\"y\\""} 17.0 # {trace_id="0af7651916cd43dd8448eb211c80319c",span_id="b7ad6b7169203331"} 0.5 1795000000.5
jobs_seconds_total{kind="c"} 4.0
# TYPE temperature gauge
temperature 21.5
# TYPE wait_seconds histogram
# HELP wait_seconds Waiting.
wait_seconds_bucket{le="0.5"} 2
wait_seconds_bucket{le="1.0"} 3 # {trace_id="1af7651916cd43dd8448eb211c80319c"} 0.75
wait_seconds_bucket{le="+Inf"} 4
wait_seconds_sum 3.25
wait_seconds_count 4
# TYPE rpc summary
rpc{quantile="0.5"} 1.5
rpc{quantile="0.9"} 2.5
rpc_sum 8.0
rpc_count 3
# TYPE build info
build_info{version="1.2"} 1.0
# TYPE anything unknown
anything{x="y"} 3.0
# EOF
"""
CLASSIC = "\n".join(line.split(" # ")[0].replace(" unknown", " untyped") for line in OPEN_METRICS.splitlines() if not line.startswith(("# UNIT", "# EOF", "# TYPE build", "# TYPE jobs_seconds "))) + "\n"
