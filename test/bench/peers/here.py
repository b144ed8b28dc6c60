"""Names of the stage, without a look-up: every host is at 127.0.0.1.

The peers in Python ask for no names at all, which is in their favour.
"""

import os
import socket

ADDRESS = "127.0.0.1"


def answer(host, port, *_, **__):
    """Say what socket.getaddrinfo says of a host that has this one address."""
    return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (ADDRESS, int(port or 0)))]


def known():
    """Let every name be at ADDRESS where the bench asks for it."""
    if os.environ.get("BENCH_HERE"):
        socket.getaddrinfo = answer


def line(url, failure, began, ended):
    """Write one check as package peer reads it; the first byte is not told."""
    return f"{url}\t{failure or 'ok'}\t{(ended - began) * 1000:.4f}\t0\n"


def reason(error):
    """Name an error in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
