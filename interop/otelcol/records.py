"""What both programs wrote, compared: files of OTLP/JSON, and what a store got by remote write."""
import json, struct


def attributes(listed):
    return sorted(json.dumps(a, sort_keys=True) for a in listed or [])


def spans_of(path):
    """(trace, span) -> everything about it, whatever the order and the grouping."""
    spans = {}
    for line in path.read_text().splitlines():
        for resource in json.loads(line).get("resourceSpans", []):
            about = attributes(resource.get("resource", {}).get("attributes"))
            for scope in resource.get("scopeSpans", []):
                name = scope.get("scope", {})
                for span in scope.get("spans", []):
                    span = dict(span)
                    for key in ("attributes", "links", "events"):
                        span[key] = attributes([{**e, "attributes": attributes(e.get("attributes"))} if key != "attributes" else e for e in span.get(key, [])])
                    span["status"] = {k: v for k, v in span.get("status", {}).items() if v}
                    span = {k: v for k, v in span.items() if v not in ("", 0, "0", [], {}, None)}
                    spans[span["traceId"], span["spanId"]] = {"resource": about, "scope": [name.get("name", ""), name.get("version", "")], **span}
    return spans


def differences(theirs, ours, what):
    faults = []
    for key in sorted(theirs.keys() | ours.keys(), key=str):
        a, b = theirs.get(key), ours.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            faults += [f"{what} {key}: {k}: theirs {a.get(k)}, ours {b.get(k)}" for k in sorted(a.keys() | b.keys()) if a.get(k) != b.get(k)]
        elif a != b:
            faults.append(f"{what} {key}: theirs {a}, ours {b}")
    return faults


def compare_files(theirs, ours):
    a, b = spans_of(theirs), spans_of(ours)
    return differences(a, b, "span"), f"{len(b)} spans"


def compare_stores(theirs, ours, changing=(), same_times=True):
    """`changing` are metrics whose values are each program's own; times of a scrape are too, those of a request are not."""
    for store in (theirs, ours):
        for kept in (store.samples, store.exemplars, store.histograms):
            for key in list(kept):
                kept[tuple(pair for pair in key if pair[0] != "collector_instance_id")] = kept.pop(key)

    def of(store):
        return {key: None if dict(key).get("__name__") in changing else struct.unpack("<d", value)[0] for key, (value, _) in store.samples.items()}
    a, b = of(theirs), of(ours)
    for key in a.keys() & b.keys():
        if a[key] is not None and (a[key] != a[key] and b[key] != b[key] or abs(a[key] - b[key]) <= 1e-9 * abs(a[key])):
            b[key] = a[key]  # the same not-a-number, or the last digit of a sum
            if a[key] != a[key]:
                a[key] = b[key] = "NaN"
    faults = differences(a, b, "series")
    faults += differences(theirs.metadata, ours.metadata, "metadata")
    if not same_times:
        for store in (theirs, ours):
            store.exemplars = {key: {(labels, value) for labels, value, _ in all} for key, all in store.exemplars.items()}
    faults += differences(theirs.exemplars, ours.exemplars, "exemplars")
    for store in (theirs, ours):
        for key, message in store.histograms.items():
            store.histograms[key] = [(n, v.replace(b"\x08\x00", b"")) if isinstance(v, bytes) and n in (8, 11) else (n, v) for n, v in message if v not in (0, b"", bytes(8))]
    faults += differences(theirs.histograms, ours.histograms, "histogram")
    return faults, f"{len(b)} series, {len(ours.histograms)} native histograms, {sum(map(len, ours.exemplars.values()))} exemplars, metadata of {len(ours.metadata)}"
