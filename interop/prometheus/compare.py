"""What counts as equal. Bodies byte for byte where the peer's order is defined; else JSON values, with the order of an instant
vector (unspecified except for sorting functions) and of annotations left aside. Numbers are compared as the texts they are;
a difference in the last digits of a double (relative 1e-12) is its own verdict, counted apart and shown."""
import json
import math
import re

EQUAL, ROUNDED, DIFFERENT = "equal", "rounded", "different"
TOLERANCE = 1e-12


def _number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


def same_value(a, b) -> str:
    """Two JSON values whose numbers may be strings."""
    if a == b:
        return EQUAL
    if isinstance(a, dict) and isinstance(b, dict):
        if a.keys() != b.keys():
            return DIFFERENT
        return worst(same_value(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        if len(a) != len(b):
            return DIFFERENT
        return worst(same_value(x, y) for x, y in zip(a, b))
    if isinstance(a, str) and isinstance(b, str):
        x, y = _number(a), _number(b)
        if x is not None and y is not None and math.isfinite(x) and math.isfinite(y) and abs(x - y) <= TOLERANCE * max(abs(x), abs(y)):
            return ROUNDED
    return DIFFERENT


def worst(verdicts) -> str:
    out = EQUAL
    for verdict in verdicts:
        if verdict == DIFFERENT:
            return DIFFERENT
        if verdict == ROUNDED:
            out = ROUNDED
    return out


def _ordered(body: dict, is_sorted: bool) -> dict:
    body = dict(body)
    for key in ("warnings", "infos"):
        if key in body:
            # Whether the peer has a hint of a reset depends on where its chunks happen to begin (docs/differences_promql.md).
            body[key] = sorted(text for text in body[key] if "conflicting counter resets" not in text)
            if not body[key]:
                del body[key]
    data = body.get("data")
    if isinstance(data, dict) and data.get("resultType") == "vector" and not is_sorted:
        body["data"] = {**data, "result": sorted(data["result"], key=lambda e: json.dumps(e["metric"], sort_keys=True))}
    return body


def same_answer(ours, theirs, query: str, is_sorted: bool) -> str:
    """`ours`, `theirs`: harness.Answer of `query`."""
    if ours.status != theirs.status:
        return DIFFERENT
    if ours.body == theirs.body:
        return EQUAL
    try:
        a, b = json.loads(ours.body), json.loads(theirs.body)
    except ValueError:
        return DIFFERENT
    verdict = same_value(_ordered(a, is_sorted), _ordered(b, is_sorted))
    if verdict == DIFFERENT and re.search(r"\b(limitk|topk|bottomk)\b", query):
        verdict = worst((EQUAL if a.get("infos") == b.get("infos") else DIFFERENT, _same_choice(a, b, "limitk" in query)))
    return verdict


def _values(body: dict):
    """For each time how many values there are, and which, whatever their series."""
    by_time: dict = {}
    for element in body["data"]["result"]:
        for time, value in element.get("values", []) + element.get("histograms", []) + [element[k] for k in ("value", "histogram") if k in element]:
            by_time.setdefault(time, []).append(json.dumps(value))
    return {time: sorted(values) for time, values in by_time.items()}


def _same_choice(a: dict, b: dict, any_will_do: bool) -> str:
    """Which of equal values topk() takes, and which series limitk(), follows the order in a store: here the values, there their number."""
    if a["status"] != "success" or b["status"] != "success" or a["data"]["resultType"] not in ("vector", "matrix"):
        return DIFFERENT
    x, y = _values(a), _values(b)
    if any_will_do:
        x, y = ({time: len(values) for time, values in v.items()} for v in (x, y))
    return EQUAL if x == y else DIFFERENT


def first_difference(ours, theirs) -> str:
    """A few lines for a person."""
    if ours.status != theirs.status:
        return f"status {ours.status} and not {theirs.status}\n    ours   {ours.text[:300]}\n    theirs {theirs.text[:300]}"
    try:
        a, b = (_ordered(json.loads(x.body), False) for x in (ours, theirs))
    except ValueError:
        return f"\n    ours   {ours.text[:300]}\n    theirs {theirs.text[:300]}"
    path, x, y = _descend("", a, b)
    return f"at {path or 'the top'}\n    ours   {json.dumps(x, ensure_ascii=False)[:300]}\n    theirs {json.dumps(y, ensure_ascii=False)[:300]}"


def _descend(path: str, a, b):
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        for key in a:
            if same_value(a[key], b[key]) != EQUAL:
                return _descend(f"{path}.{key}", a[key], b[key])
    if isinstance(a, list) and isinstance(b, list):
        if len(a) != len(b):
            return f"{path} ({len(a)} and not {len(b)} elements)", a[:2], b[:2]
        for i, (x, y) in enumerate(zip(a, b)):
            if same_value(x, y) != EQUAL:
                return _descend(f"{path}[{i}]", x, y)
    return path, a, b
