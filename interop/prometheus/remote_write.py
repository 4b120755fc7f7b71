"""A remote write 1.0 sender, small enough to read: protobuf by hand, snappy blocks of literals only."""
import struct


def varint(n: int) -> bytes:
    n &= (1 << 64) - 1
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def zigzag(n: int) -> bytes:
    return varint((n << 1) ^ (n >> 63))


def field_bytes(number: int, payload: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def field_varint(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def field_double(number: int, value) -> bytes:
    """`value`: a float, or the 8 bytes of one, for NaNs that must keep their bits."""
    return varint(number << 3 | 1) + (value if isinstance(value, bytes) else struct.pack("<d", value))


STALE = struct.pack("<Q", 0x7FF0000000000002)


def labels_message(labels: dict[str, str], number: int = 1) -> bytes:
    out = b""
    for name, value in sorted(labels.items(), key=lambda kv: kv[0].encode()):
        out += field_bytes(number, field_bytes(1, name.encode()) + field_bytes(2, value.encode()))
    return out


def sample_message(time_ms: int, value) -> bytes:
    return field_bytes(2, field_double(1, value) + field_varint(2, time_ms))


def exemplar_message(labels: dict[str, str], time_ms: int, value: float) -> bytes:
    return field_bytes(3, labels_message(labels) + field_double(2, value) + field_varint(3, time_ms))


def _spans(number: int, spans) -> bytes:
    return b"".join(field_bytes(number, varint(1 << 3) + zigzag(offset) + field_varint(2, length)) for offset, length in spans)


def histogram_message(time_ms: int, h: dict) -> bytes:
    """h: count, sum, schema, zero_threshold, zero_count, positive/negative = (spans, counts), custom, is_float, hint."""
    is_float = h.get("is_float", False)
    out = field_double(2, h["count"]) if is_float else field_varint(1, int(h["count"]))
    out += field_double(3, h["sum"])
    out += varint(4 << 3) + zigzag(h.get("schema", 0))
    out += field_double(5, h.get("zero_threshold", 0.0))
    out += field_double(7, h.get("zero_count", 0.0)) if is_float else field_varint(6, int(h.get("zero_count", 0)))
    for spans_number, side in ((8, "negative"), (11, "positive")):
        spans, counts = h.get(side, ([], []))
        out += _spans(spans_number, spans)
        if not counts:
            continue
        if is_float:
            out += field_bytes(spans_number + 2, b"".join(struct.pack("<d", c) for c in counts))
        else:
            before, packed = 0, b""
            for count in counts:
                packed += zigzag(int(count) - before)
                before = int(count)
            out += field_bytes(spans_number + 1, packed)
    out += field_varint(14, h.get("hint", 0)) + field_varint(15, time_ms)
    if h.get("custom"):
        out += field_bytes(16, b"".join(struct.pack("<d", v) for v in h["custom"]))
    return field_bytes(4, out)


TYPES = {"counter": 1, "gauge": 2, "histogram": 3, "gaugehistogram": 4, "summary": 5, "info": 6, "stateset": 7}


def metadata_message(name: str, kind: str, help_text: str, unit: str) -> bytes:
    return field_bytes(3, field_varint(1, TYPES[kind]) + field_bytes(2, name.encode()) +
                       field_bytes(4, help_text.encode()) + field_bytes(5, unit.encode()))


def snappy(plain: bytes) -> bytes:
    out = bytearray(varint(len(plain)))
    for at in range(0, len(plain), 65536):
        piece = plain[at:at + 65536]
        out += bytes((61 << 2,)) + struct.pack("<H", len(piece) - 1) + piece
    return bytes(out)


HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy",
           "X-Prometheus-Remote-Write-Version": "0.1.0"}
