"""The article's program, written anew: every URL one after the other, then all at once.

    python3 article.py URL...

It prints how long each way took and what the second one saved. The bench asks
for one way only and for a line a check:

    python3 article.py --only sync|async --lines FILE --urls FILE
"""

import argparse
import asyncio
import time

import aiohttp
import requests

import here


def sync_run(urls):
    """Check URLs one after the other, and return (url, failure, began, ended) for each."""
    checks = []
    for url in urls:
        began = time.perf_counter()
        failure = None
        try:
            response = requests.get(url)
            if response.status_code != 200:
                failure = response.status_code
        except Exception as error:
            failure = here.reason(error)
        checks.append((url, failure, began, time.perf_counter()))
    return checks


async def check(url):
    """Check one URL with a session of its own."""
    began = time.perf_counter()
    failure = None
    try:
        async with aiohttp.ClientSession() as session:
            async with session.get(url) as response:
                await response.text()
                if response.status != 200:
                    failure = response.status
    except Exception as error:
        failure = here.reason(error)
    return url, failure, began, time.perf_counter()


async def gathered(urls):
    """Check all URLs at once."""
    return await asyncio.gather(*(check(url) for url in urls))


def async_run(urls):
    """Check all URLs at once, and return what sync_run does."""
    return asyncio.run(gathered(urls))


def timed(run, urls):
    """Run one way, say what failed, and return its checks and how long it took in seconds."""
    began = time.perf_counter()
    checks = run(urls)
    took = time.perf_counter() - began
    for url, failure, _, _ in checks:
        if failure:
            print(f"Error: {url} - {failure}")
    return checks, took


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("urls", nargs="*", metavar="URL")
    parser.add_argument("--urls", dest="file", help="file with a URL a line")
    parser.add_argument("--only", choices=["sync", "async"], help="one way only")
    parser.add_argument("--lines", help="file to write a line a check to")
    args = parser.parse_args()
    here.known()
    urls = args.urls
    if args.file:
        with open(args.file) as file:
            urls = file.read().split()
    if args.only:
        checks = {"sync": sync_run, "async": async_run}[args.only](urls)
        with open(args.lines, "w") as file:
            file.writelines(here.line(*check) for check in checks)
        return
    _, one_by_one = timed(sync_run, urls)
    print(f"sync_run: {one_by_one:.4f}")
    _, at_once = timed(async_run, urls)
    print(f"async_run: {at_once:.4f}")
    print(f"async_run - sync_run: {at_once - one_by_one:.4f}")


if __name__ == "__main__":
    main()
