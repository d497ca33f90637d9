"""A TLS handshake whose ClientHello comes in small records: OpenSSL's own, cut again. RFC 8446 section 5.1 allows it.

python3 cut_hello.py ADDRESS SERVER-NAME RECORD-BYTES
"""

import socket
import ssl
import struct
import sys

address, name, record_bytes = sys.argv[1:4]

context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
session = context.wrap_bio(received, sent, server_hostname=name)
peer = socket.create_connection((address, 443))


def cut(data):
    """The same handshake messages in records of at most so many bytes."""
    out = b""
    while data:
        kind, version, length = struct.unpack("!BHH", data[:5])
        content, data = data[5 : 5 + length], data[5 + length :]
        for begin in range(0, length, int(record_bytes)):
            piece = content[begin : begin + int(record_bytes)]
            out += struct.pack("!BHH", kind, version, len(piece)) + piece
    return out


try:
    session.do_handshake()
except ssl.SSLWantReadError:
    peer.sendall(cut(sent.read()))
while True:
    data = peer.recv(65536)
    received.write(data)
    try:
        session.do_handshake()
        break
    except ssl.SSLWantReadError:
        pass
    if sent.pending:
        peer.sendall(sent.read())
peer.sendall(sent.read())
session.write(b"GET / HTTP/1.0\r\n\r\n")
peer.sendall(sent.read())
peer.recv(65536)
peer.close()
