"""Enough of HTTP/2 to call a gRPC method on a plaintext port (RFC 9113): one stream, headers sent uncompressed."""
import socket
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def header(name: str, value: str) -> bytes:
    """A literal header field without indexing (RFC 7541 section 6.2.2); short texts only."""
    return b"\x00" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def read(sock: socket.socket, count: int) -> bytes:
    out = b""
    while len(out) < count:
        part = sock.recv(count - len(out))
        if not part:
            raise ConnectionError("the connection ended inside a frame")
        out += part
    return out


def grpc_call(port: int, method: str, message: bytes, metadata: dict | None = None, timeout: float = 10) -> list[bytes]:
    """The messages a server-streaming or unary method answers."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as sock:
        fields = {":method": "POST", ":scheme": "http", ":path": method, ":authority": f"localhost:{port}",
                  "content-type": "application/grpc", "te": "trailers", **(metadata or {})}
        sock.sendall(PREFACE + frame(SETTINGS, 0, 0) +
                     frame(HEADERS, END_HEADERS, 1, b"".join(header(k, v) for k, v in fields.items())) +
                     frame(DATA, END_STREAM, 1, b"\x00" + struct.pack(">I", len(message)) + message))
        body = b""
        while True:
            length, kind, flags, stream = struct.unpack(">IBBI", b"\x00" + read(sock, 9))
            payload = read(sock, length)
            if kind == SETTINGS and not flags & ACK:
                sock.sendall(frame(SETTINGS, ACK, 0))
            elif kind == PING and not flags & ACK:
                sock.sendall(frame(PING, ACK, 0, payload))
            elif kind in (RST_STREAM, GOAWAY):
                raise ConnectionError(f"frame {kind}: {payload!r}")
            elif stream == 1 and kind == DATA:
                body += payload
            if stream == 1 and flags & END_STREAM and kind in (DATA, HEADERS):
                break
    messages = []
    while body:
        size = struct.unpack(">I", body[1:5])[0]
        messages.append(body[5:5 + size])
        body = body[5 + size:]
    return messages
