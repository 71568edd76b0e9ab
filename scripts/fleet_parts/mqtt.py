"""MQTT 3.1.1, as far as the scripts for fleets need it."""
import socket, struct


def length(number):
    """A length as MQTT writes it: seven bits a byte."""
    out = bytearray()
    while True:
        number, low = number >> 7, number & 127
        out.append(low | (128 if number else 0))
        if not number:
            return bytes(out)


def text(value):
    return struct.pack(">H", len(value)) + value.encode()


def connect(address, name, timeout=60):
    """A connection to the broker without keep-alive. Raises OSError if there is none, or the broker refuses it."""
    client = socket.create_connection(address, timeout=timeout)
    try:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        body = text("MQTT") + b"\x04\x02\0\0" + text(name)
        client.sendall(b"\x10" + length(len(body)) + body)
        answer = client.recv(4, socket.MSG_WAITALL)
        if answer[:2] != b"\x20\x02" or answer[3:] != b"\0":
            raise ConnectionError(f"the broker at {address[0]}:{address[1]} refuses a client: {answer!r}; it must accept clients without a login")
        return client
    except OSError:
        client.close()
        raise


def subscribe(client, filters):
    """Asks for the messages of these filters with QoS 0."""
    body = b"\0\1" + b"".join(text(filter) + b"\0" for filter in filters)
    client.sendall(b"\x82" + length(len(body)) + body)


def packets(client):
    """The packets that come on a connection: type and flags, and the body."""
    waiting = bytearray()
    while True:
        at = 0
        while len(waiting) - at > 1:
            size, shift, end = 0, 0, at + 1
            while end < len(waiting) and waiting[end] & 128:
                size, shift, end = size | (waiting[end] & 127) << shift, shift + 7, end + 1
            if end >= len(waiting):
                break
            size, end = size | waiting[end] << shift, end + 1
            if len(waiting) < end + size:
                break
            yield waiting[at], bytes(waiting[end:end + size])
            at = end + size
        del waiting[:at]
        try:
            received = client.recv(1 << 16)
        except (TimeoutError, OSError):
            return
        if not received:
            return
        waiting += received
