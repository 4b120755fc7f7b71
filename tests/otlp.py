"""Enough of OTLP to send spans: protobuf by hand, from the field numbers of opentelemetry-proto 1.x."""
import os
import struct
import time


def varint(value: int) -> bytes:
    out = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        out.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(out)


def field(number: int, payload: bytes | str) -> bytes:
    if isinstance(payload, str):
        payload = payload.encode()
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def fixed64(number: int, value: int) -> bytes:
    return varint(number << 3 | 1) + struct.pack("<Q", value)


def integer(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value & (1 << 64) - 1)


def any_value(value) -> bytes:
    if isinstance(value, bool):
        return integer(2, int(value))
    if isinstance(value, int):
        return integer(3, value)
    if isinstance(value, float):
        return varint(4 << 3 | 1) + struct.pack("<d", value)
    return field(1, value)


def attribute(key: str, value) -> bytes:
    return field(1, key) + field(2, any_value(value))


def span(name: str, trace_id: bytes | None = None, span_id: bytes | None = None, parent: bytes = b"", kind: int = 2,
         start_ns: int | None = None, duration_ns: int = 1_000_000, attributes: dict | None = None, error: bool = False) -> bytes:
    start_ns = time.time_ns() - duration_ns if start_ns is None else start_ns
    out = field(1, os.urandom(16) if trace_id is None else trace_id) + field(2, os.urandom(8) if span_id is None else span_id)
    if parent:
        out += field(4, parent)
    out += field(5, name) + integer(6, kind) + fixed64(7, start_ns) + fixed64(8, start_ns + duration_ns)
    for key, value in (attributes or {}).items():
        out += field(9, attribute(key, value))
    return out + field(15, integer(3, 2) if error else b"")


def export_request(spans: list[bytes], service: str = "test-service", resource: dict | None = None) -> bytes:
    attributes = {"service.name": service, **(resource or {})}
    return field(1, field(1, b"".join(field(1, attribute(k, v)) for k, v in attributes.items())) +
                 field(2, field(1, field(1, "tests")) + b"".join(field(2, s) for s in spans)))


def rejected_spans(response: bytes) -> int:
    """partial_success.rejected_spans of an ExportTraceServiceResponse."""
    if not response:
        return 0
    assert response[0] == 0x0A, response
    partial = response[2:]
    return partial[1] if partial[:1] == b"\x08" else 0
