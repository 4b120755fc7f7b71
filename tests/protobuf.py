"""Enough of protobuf to read any message: its fields by number, in order."""
import struct


def fields(data: bytes):
    """Each field of a message as (number, value): an integer, or the bytes of a fixed or length-delimited one."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = varint(data, at)
        elif wire == 1:
            value, at = data[at:at + 8], at + 8
        elif wire == 5:
            value, at = data[at:at + 4], at + 4
        elif wire == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
            if len(value) != size:
                raise ValueError(f"field {number} is cut off")
        else:
            raise ValueError(f"wire type {wire} of field {number}")
        yield number, value


class Message:
    def __init__(self, data: bytes):
        self.fields: dict[int, list] = {}
        for number, value in fields(data):
            self.fields.setdefault(number, []).append(value)

    def _last(self, number: int, absent):
        return self.fields.get(number, [absent])[-1]

    def integer(self, number: int) -> int:
        return self._last(number, 0)

    def text(self, number: int) -> str:
        return self._last(number, b"").decode()

    def data(self, number: int) -> bytes:
        return self._last(number, b"")

    def double(self, number: int) -> float:
        return struct.unpack("<d", self._last(number, bytes(8)))[0]

    def fixed64(self, number: int) -> int:
        return struct.unpack("<Q", self._last(number, bytes(8)))[0]

    def message(self, number: int) -> "Message":
        return Message(self._last(number, b""))

    def messages(self, number: int) -> list["Message"]:
        return [Message(value) for value in self.fields.get(number, [])]

    def texts(self, number: int) -> list[str]:
        return [value.decode() for value in self.fields.get(number, [])]


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
