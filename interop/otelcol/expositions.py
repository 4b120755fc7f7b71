"""Two expositions compared: families, series, values, bucket counts, where exemplars lie and what they are."""
import re

SAMPLE = re.compile(r'^([a-zA-Z_:][\w:]*)(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})? (\S+)(?: ([0-9.e+]+))?(?: # (\{.*\} .*))?$')
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')


def parse(text, keep_empty):
    """families: name -> {TYPE, HELP, UNIT}; samples: (name, labels) -> value; exemplars: (name, labels) -> text.

    An empty label is an absent one, to Prometheus as to us, unless they are kept."""
    families, samples, exemplars = {}, {}, {}
    for line in text.splitlines():
        if line == "# EOF":
            continue
        if line.startswith("#"):
            _, what, name, *rest = line.split(" ", 3)
            if what in ("TYPE", "HELP", "UNIT"):
                families.setdefault(name, {})[what] = rest[0] if rest else ""
            continue
        found = SAMPLE.match(line)
        if not found:
            raise SystemExit(f"not a sample: {line[:200]}")
        name, labels, value, _, exemplar = found.groups()
        pairs = tuple(sorted((k, v) for k, v in LABEL.findall(labels or "") if k != "collector_instance_id" and (v or keep_empty)))
        if (name, pairs) in samples:
            raise SystemExit(f"twice: {line[:300]}")
        samples[name, pairs] = float(value)
        if exemplar:
            exemplars[name, pairs] = exemplar
    return families, samples, exemplars


def close(a, b):
    return a == b or (a != a and b != b) or abs(a - b) <= 1e-9 * max(abs(a), abs(b))


def shown(key):
    return f"{key[0]}{{{','.join(f'{k}={v}' for k, v in key[1])[:400]}}}"


def exemplar_of(text):
    """Its labels, in whatever order they came, and its value; its time is each program's own."""
    return text and (sorted(LABEL.findall(text.split("} ")[0])), float(text.split("} ")[1].split()[0]))


def check_places(samples, exemplars, faults):
    """Each exemplar lies in its own bucket."""
    bounds = {}
    for name, labels in samples:
        le = dict(labels).get("le")
        if le is not None:
            bounds.setdefault((name, tuple(p for p in labels if p[0] != "le")), []).append(float(le))
    for (name, labels), exemplar in exemplars.items():
        le = dict(labels).get("le")
        if le is None:
            continue
        value = float(exemplar.split("} ")[1].split()[0])
        lower = max((b for b in bounds[name, tuple(p for p in labels if p[0] != "le")] if b < float(le)), default=float("-inf"))
        if not lower < value <= float(le):
            faults.append(f"exemplar {value} outside of its bucket ({lower}, {le}]")


def compare(theirs, ours, strict=False, same_exemplars=False, changing=()):
    """The faults, and what was counted. `changing` are samples whose values are each program's own."""
    faults = []
    (their_families, their_samples, their_exemplars), (our_families, our_samples, our_exemplars) = parse(theirs, strict), parse(ours, strict)
    for name in sorted(their_families.keys() | our_families.keys()):
        if their_families.get(name) != our_families.get(name):
            faults.append(f"family {name}: theirs {their_families.get(name)}, ours {our_families.get(name)}")
    for key in sorted(their_samples.keys() | our_samples.keys()):
        a, b = their_samples.get(key), our_samples.get(key)
        if a is None or b is None or not (close(a, b) or key[0] in changing):
            faults.append(f"{shown(key)}: theirs {a}, ours {b}")
    check_places(our_samples, our_exemplars, faults)
    if same_exemplars:
        for key in sorted(their_exemplars.keys() | our_exemplars.keys()):
            a, b = (exemplar_of(e.get(key)) for e in (their_exemplars, our_exemplars))
            if a != b:
                faults.append(f"exemplar of {shown(key)}: theirs {a}, ours {b}")
    counted = f"{len(our_families)} families, {len(our_samples)} samples, exemplars {len(our_exemplars)} of ours and {len(their_exemplars)} of theirs"
    return faults, counted
