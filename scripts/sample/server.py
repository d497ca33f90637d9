"""The web servers of the sample.

usage: server.py READY

Serves HTTP/1.1 on ports 80 and 8080 of every address, IPv4 and IPv6, and makes the file READY once it listens.
"""

import http.server
import pathlib
import random
import socket
import struct
import sys
import threading
import time

PORTS = (80, 8080)
WORDS = (
    "packet segment window flow stream event filter hook monitor address port sequence number reset timer buffer "
    "router switch link frame header payload option checksum handshake client server middlebox tenant burst"
).split()


def text(name, size):
    """Text that belongs to a name, always the same."""
    source = random.Random(name)
    lines = []
    total = 0
    while total < size:
        line = " ".join(source.choices(WORDS, k=12)) + "\n"
        lines.append(line)
        total += len(line)
    return "".join(lines).encode()[:size]


class Handler(http.server.BaseHTTPRequestHandler):
    """A small site; each path stands for one kind of response."""

    protocol_version = "HTTP/1.1"
    server_version = "sample"
    sys_version = ""

    def log_message(self, *_):
        pass

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        kind, _, rest = self.path.lstrip("/").partition("/")
        match kind:
            case "" | "index.html":
                self.reply(200, text("index", 700), ETag='"index"')
            case "page":
                self.reply(200, text(rest, 200 + 370 * (len(rest) + int(rest)) % 9000))
            case "download":
                self.reply(200, text(rest, 300_000))
            case "moved":
                self.reply(301, b"moved\n", Location="/index.html")
            case "cached":
                self.reply(304, ETag='"index"')
            case "empty":
                self.reply(204)
            case "chunked":
                self.chunks()
            case "trickle":
                self.trickle()
            case "abort":
                self.abort()
            case _:
                self.reply(404, b"not found\n")

    do_HEAD = do_GET

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.reply(200, b"received %d bytes\n" % len(body))

    def chunks(self):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(12):
            chunk = text(f"chunk {number}", 90 * number + 1)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        self.wfile.write(b"0\r\n\r\n")

    def trickle(self):
        body = text("trickle", 400)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for start in range(0, len(body), 16):
            self.wfile.write(body[start : start + 16])
            time.sleep(0.002)

    def abort(self):
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(text("abort", 5000))
        time.sleep(0.1)
        # A reset in place of a FIN, in the middle of the body.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True

    def setup(self):
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().setup()

    def handle(self):
        try:
            super().handle()
        except (OSError, ValueError):
            # The client went away, as some of the sample's clients do.
            self.close_connection = True

    def finish(self):
        try:
            super().finish()
        except (OSError, ValueError):
            pass


class Server(http.server.ThreadingHTTPServer):
    """A server that an aborted connection does not disturb."""

    request_queue_size = 128

    def shutdown_request(self, request):
        try:
            super().shutdown_request(request)
        except OSError:
            pass


class Server6(Server):
    """The same over IPv6 only, so that IPv4 keeps its own socket on the port."""

    address_family = socket.AF_INET6

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        super().server_bind()


for port in PORTS:
    for server in (Server(("0.0.0.0", port), Handler), Server6(("::", port), Handler)):
        threading.Thread(target=server.serve_forever).start()
pathlib.Path(sys.argv[1]).touch()
