"""Remote read, both response types, decoded by hand and compared as values."""
import struct

import protobuf
from harness import request
from protobuf import fields
from remote_write import field_bytes, field_varint, snappy, varint


NEGATIVE_ZERO = struct.pack("<d", -0.0)


def unsnappy(data: bytes) -> bytes:
    size, at = protobuf.varint(data, 0)
    out = bytearray()
    while at < len(data):
        tag = data[at]
        at += 1
        kind, length = tag & 3, tag >> 2
        if kind == 0:
            if length >= 60:
                extra = length - 59
                length = int.from_bytes(data[at:at + extra], "little")
                at += extra
            out += data[at:at + length + 1]
            at += length + 1
            continue
        if kind == 1:
            length, offset = (length & 7) + 4, (tag >> 5) << 8 | data[at]
            at += 1
        else:
            width = 2 if kind == 2 else 4
            length, offset = length + 1, int.from_bytes(data[at:at + width], "little")
            at += width
        for _ in range(length):
            out.append(out[-offset])
    assert len(out) == size
    return bytes(out)


def _label(data: bytes):
    pair = dict(fields(data))
    return pair.get(1, b"").decode(), pair.get(2, b"").decode()


def _series(data: bytes):
    labels, samples, histograms = [], [], []
    for number, value in fields(data):
        if number == 1:
            labels.append(_label(value))
        elif number == 2:
            sample = dict(fields(value))
            # The peer leaves a zero out, and with it the sign of -0, which we keep.
            samples.append((sample.get(2, 0), sample.get(1, bytes(8)).replace(NEGATIVE_ZERO, bytes(8))))
        elif number == 4:
            histograms.append(sorted((n, bytes(v) if isinstance(v, (bytes, bytearray)) else v) for n, v in fields(value) if n != 14))
    return labels, samples, histograms


def sampled(answer):
    """Per query the series sorted by labels."""
    results = []
    for number, value in fields(unsnappy(answer.body)):
        assert number == 1
        results.append(sorted((_series(s) for n, s in fields(value) if n == 1), key=lambda s: s[0]))
    return results


class Bits:
    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | (self.data[self.at >> 3] >> (7 - (self.at & 7)) & 1)
            self.at += 1
        return value

    def uvarint(self) -> int:
        value = shift = 0
        while True:
            byte = self.take(8)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def varint(self) -> int:
        value = self.uvarint()
        return value >> 1 ^ -(value & 1)


def xor_samples(data: bytes):
    """A chunk of encoding XOR: count, then delta-of-delta times and XORed values."""
    count, bits = struct.unpack(">H", data[:2])[0], Bits(data[2:])
    out, leading, trailing = [], 0, 0
    for i in range(count):
        if i == 0:
            time, value = bits.varint(), bits.take(64)
        else:
            if i == 1:
                delta = bits.uvarint()
            else:
                ones = 0
                while ones < 4 and bits.take(1):
                    ones += 1
                size = (0, 14, 17, 20, 64)[ones]
                change = bits.take(size)
                if size and change > 1 << (size - 1):
                    change -= 1 << size
                delta += change
            time += delta
            if bits.take(1):
                if bits.take(1):
                    leading, significant = bits.take(5), bits.take(6) or 64
                    trailing = 64 - leading - significant
                value ^= bits.take(64 - leading - trailing) << trailing
        out.append((time, struct.pack("<Q", value)))
    return out


def streamed(answer):
    """Frames to (labels, samples) per query, samples of all chunks joined."""
    data, at, results = answer.body, 0, {}
    while at < len(data):
        length, at = protobuf.varint(data, at)
        at += 4
        message, at = data[at:at + length], at + length
        query, series = 0, []
        for number, value in fields(message):
            if number == 2:
                query = value
            else:
                series.append(value)
        for s in series:
            labels, samples = [], []
            for number, value in fields(s):
                if number == 1:
                    labels.append(_label(value))
                else:
                    chunk = dict(fields(value))
                    samples += xor_samples(chunk[4]) if chunk.get(3) == 1 else [(chunk.get(1), chunk.get(2), chunk.get(3))]
            key = tuple(labels)
            results.setdefault(query, {}).setdefault(key, []).extend(samples)
    return results


def query(start: int, end: int, matchers) -> bytes:
    out = field_varint(1, start) + field_varint(2, end)
    for kind, name, value in matchers:
        out += field_bytes(3, field_varint(1, kind) + field_bytes(2, name.encode()) + field_bytes(3, value.encode()))
    return field_bytes(1, out)


def ask(base: str, body: bytes):
    return request("POST", base + "/api/v1/read", snappy(body),
                   {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy", "X-Prometheus-Remote-Read-Version": "0.1.0"}, timeout=60)


def compare(both, report):
    low, high = both.data.start + 900_000, both.data.start + 1_800_000
    asks = {"one metric": [[(0, "__name__", "memory_bytes")]], "regex": [[(2, "__name__", "join_.*"), (3, "id", "[12]")]], "negative": [[(0, "__name__", "odd_value"), (1, "kind", "nan")]],
            "two queries": [[(0, "__name__", "memory_bytes")], [(0, "__name__", "build_info")]], "external label": [[(0, "__name__", "memory_bytes"), (0, "site", "here")]],
            "other external label": [[(0, "__name__", "memory_bytes"), (0, "site", "there")]], "nothing": [[(0, "__name__", "nothing")]], "utf8": [[(0, "__name__", "my.utf8/metric")]]}
    for name, sets in asks.items():
        body = b"".join(query(low, high, matchers) for matchers in sets)
        for types, decode in (((), sampled), ((0,), sampled), ((1, 0), None)):
            accepted = b"".join(varint(2 << 3) + varint(t) for t in types)
            ours, theirs = ask(both.ours, body + accepted), ask(both.theirs, body + accepted)
            decode_one = decode or streamed
            fault = None
            if ours.status != theirs.status or ours.headers.get("Content-Type") != theirs.headers.get("Content-Type"):
                fault = f"{ours.status} {ours.headers.get('Content-Type')} {ours.text[:200] if ours.status != 200 else ''}, and not {theirs.status} {theirs.headers.get('Content-Type')}"
            else:
                a, b = decode_one(ours), decode_one(theirs)
                if decode is None:  # the peer's chunks are whole, so reach beyond the range
                    a, b = ({q: {k: [s for s in v if len(s) != 2 or low <= s[0] <= high] for k, v in series.items()} for q, series in x.items()} for x in (a, b))
                if a != b:
                    fault = f"\n    ours   {str(a)[:600]}\n    theirs {str(b)[:600]}"
            report.note("read", f"{name}, accepted types {list(types)}", fault)
    for kind, body in (("samples", b"".join([query(low, high, [(0, "__name__", "latency_native")])])),):
        ours, theirs = ask(both.ours, body), ask(both.theirs, body)
        report.note("read", f"native histograms as {kind}", None if ours.status == theirs.status == 200 and sampled(ours) == sampled(theirs) else "differs")
    # Where chunks begin and end is each program's own affair; which kinds of histogram a series has is not.
    body = b"".join([query(low, high, [(2, "__name__", ".*_native|.*_custom|.*native.*")])]) + varint(2 << 3) + varint(1)
    kinds = [{labels: {chunk[2] for chunk in chunks} for labels, chunks in streamed(ask(base, body)).get(0, {}).items()} for base in (both.ours, both.theirs)]
    report.note("read", "native histograms as chunks", None if kinds[0] and kinds[0] == kinds[1] else f"ours {kinds[0]}, theirs {kinds[1]}")
    for name, body in (("not snappy", b"\xff\xff\xff"), ("not protobuf", snappy(b"\x0f\x0f")), ("bad regex", snappy(query(low, high, [(2, "__name__", "(")]))), ("type 9 only", snappy(query(low, high, [(0, "__name__", "memory_bytes")]) + varint(2 << 3) + varint(9)))):
        ours, theirs = (request("POST", base + "/api/v1/read", body, {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}) for base in (both.ours, both.theirs))
        report.note("read", name, None if ours.status == theirs.status else f"status {ours.status} and not {theirs.status}: {ours.text[:100]!r} {theirs.text[:100]!r}")
