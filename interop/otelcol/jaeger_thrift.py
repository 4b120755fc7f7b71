"""A batch of jaeger.thrift in Thrift's binary protocol: what jaeger clients post to /api/traces."""
import struct

BOOL, DOUBLE, I32, I64, STRING, STRUCT, LIST = 2, 4, 8, 10, 11, 12, 15


def text(value):
    raw = value if isinstance(value, bytes) else value.encode()
    return struct.pack(">i", len(raw)) + raw


def field(number, kind, value):
    packed = {BOOL: lambda v: struct.pack(">b", v), DOUBLE: lambda v: struct.pack(">d", v), I32: lambda v: struct.pack(">i", v),
              I64: lambda v: struct.pack(">q", v), STRING: text, STRUCT: lambda v: v,
              LIST: lambda v: struct.pack(">bi", STRUCT, len(v)) + b"".join(v)}[kind](value)
    return struct.pack(">bh", kind, number) + packed


def message(*fields):
    return b"".join(field(*f) for f in fields) + b"\0"


def tag(key, value):
    if isinstance(value, bool):
        kind, at, thrift = 2, 5, BOOL
    elif isinstance(value, int):
        kind, at, thrift = 3, 6, I64
    elif isinstance(value, float):
        kind, at, thrift = 1, 4, DOUBLE
    elif isinstance(value, bytes):
        kind, at, thrift = 4, 7, STRING
    else:
        kind, at, thrift = 0, 3, STRING
    return message((1, STRING, key), (2, I32, kind), (at, thrift, value))


def span(trace, span_id, name, start_us, duration_us, tags=(), parent=0, logs=(), references=(), flags=1):
    low, high = trace
    return message((1, I64, low), (2, I64, high), (3, I64, span_id), (4, I64, parent), (5, STRING, name),
                   (6, LIST, [message((1, I32, kind), (2, I64, l), (3, I64, h), (4, I64, s)) for kind, l, h, s in references]),
                   (7, I32, flags), (8, I64, start_us), (9, I64, duration_us), (10, LIST, [tag(*t) for t in tags]),
                   (11, LIST, [message((1, I64, at), (2, LIST, [tag(*t) for t in of])) for at, of in logs]))


def batch(service, tags, spans):
    return message((1, STRUCT, message((1, STRING, service), (2, LIST, [tag(*t) for t in tags]))), (2, LIST, spans))
