"""An open-loop client that shares nothing with shikaku-loadgen: language, library, arithmetic.

Sends requests evenly at RATE for SECONDS over CONNECTIONS kept-alive connections and prints the
percentiles of the time from when each was due to the last byte of its answer, from the plain list
of all times. Usage: open_loop.py HOST PORT RATE SECONDS CONNECTIONS
"""

import asyncio
import json
import math
import sys
import time

REQUEST = (
    b"POST /constant HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
)
WARMUP_SECONDS = 1.0


async def ask(connection):
    reader, writer = connection
    writer.write(REQUEST)
    length = 0
    while (line := await reader.readline()) not in (b"\r\n", b""):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    await reader.readexactly(length)


async def one(due, free, times, start):
    connection = await free.get()
    await ask(connection)
    free.put_nowait(connection)
    if due >= WARMUP_SECONDS:
        times.append(time.monotonic() - start - due)


async def main(host, port, rate, seconds, connections):
    free = asyncio.Queue()
    for _ in range(connections):
        free.put_nowait(await asyncio.open_connection(host, port))
    times, tasks = [], []
    start = time.monotonic() + 0.05
    for number in range(int(rate * (seconds + WARMUP_SECONDS))):
        due = number / rate
        while (wait := start + due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(one(due, free, times, start)))
    await asyncio.gather(*tasks)
    times.sort()
    at = lambda share: times[min(len(times) - 1, math.ceil(share * len(times)) - 1)] * 1e6
    names = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
    print(json.dumps({name: at(share) for name, share in names.items()}))


if __name__ == "__main__":
    host, port, rate, seconds, connections = sys.argv[1:]
    asyncio.run(main(host, int(port), float(rate), float(seconds), int(connections)))
