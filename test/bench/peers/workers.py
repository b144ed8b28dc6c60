"""aiohttp, well tuned: so many workers share one session and take URLs from a queue.

No connection is kept, no limit but the workers', no look-up, one TLS context.

    python3 workers.py --in-flight 900 --lines FILE --urls FILE
"""

import argparse
import asyncio
import socket
import time

import aiohttp
from aiohttp.abc import AbstractResolver

import here


class Here(AbstractResolver):
    """A resolver that knows the answer: threads for getaddrinfo would cost more."""

    async def resolve(self, host, port=0, family=socket.AF_INET):
        """Say where a host is."""
        return [{"hostname": host, "host": here.ADDRESS, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}]

    async def close(self):
        """Nothing is held."""


async def work(session, urls, out):
    """Check URLs until there are none left."""
    for url in urls:
        began = time.perf_counter()
        failure = None
        try:
            async with session.get(url) as response:
                await response.read()
                if response.status != 200:
                    failure = response.status
        except Exception as error:
            failure = here.reason(error)
        out.write(here.line(url, failure, began, time.perf_counter()))


async def run(urls, in_flight, out):
    """Check all URLs, so many at once."""
    connector = aiohttp.TCPConnector(limit=0, force_close=True, resolver=Here())
    timeout = aiohttp.ClientTimeout(total=120)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        shared = iter(urls)
        await asyncio.gather(*(work(session, shared, out) for _ in range(in_flight)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--urls", required=True, help="file with a URL a line")
    parser.add_argument("--in-flight", type=int, required=True, help="checks at once")
    parser.add_argument("--lines", required=True, help="file to write a line a check to")
    args = parser.parse_args()
    with open(args.urls) as file:
        urls = file.read().split()
    with open(args.lines, "w") as out:
        asyncio.run(run(urls, args.in_flight, out))


if __name__ == "__main__":
    main()
