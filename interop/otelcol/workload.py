"""The spans both programs get: a recorded shop-like workload of any size, and hostile ones."""
import random

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
