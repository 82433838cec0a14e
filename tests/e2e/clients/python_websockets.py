"""Debian's python3-websockets, driven as clients/driver.js describes."""

import asyncio
import json
import sys

import websockets


def emit(number, event, **fields):
    print(json.dumps({"id": number, "event": event, **fields}), flush=True)


async def watch(number, connection):
    """Reports what comes until the end."""
    try:
        async for message in connection:
            if isinstance(message, str):
                emit(number, "text", text=message)
            else:
                emit(number, "binary", hex=message.hex())
    except websockets.ConnectionClosed:
        pass
    emit(number, "close", code=connection.close_code, reason=connection.close_reason)


async def open_(number, url, connections, tasks):
    try:
        connection = await websockets.connect(url, ping_interval=None, max_size=None)
    except (OSError, websockets.WebSocketException) as error:
        emit(number, "error", message=str(error))
        emit(number, "close", code=1006, reason="")
        return
    connections[number] = connection
    emit(number, "open")
    tasks.append(asyncio.create_task(watch(number, connection)))


async def ping(number, connection, payload):
    await (await connection.ping(payload))
    emit(number, "pong", hex=payload.hex())


async def obey(command, connections, tasks):
    number, operation = command["id"], command["op"]
    if operation == "open":
        await open_(number, command["url"], connections, tasks)
        return
    connection = connections[number]
    if operation == "text":
        await connection.send(command["text"])
    elif operation == "binary":
        await connection.send(bytes.fromhex(command["hex"]))
    elif operation == "ping":
        tasks.append(asyncio.create_task(ping(number, connection, bytes.fromhex(command["hex"]))))
    elif operation == "close":
        tasks.append(asyncio.create_task(connection.close(command["code"], command["reason"])))


async def main():
    connections, tasks = {}, []
    lines = asyncio.StreamReader(limit=1 << 22)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    print(json.dumps({"event": "ready"}), flush=True)
    while line := await lines.readline():
        command = json.loads(line)
        try:
            await obey(command, connections, tasks)
        except websockets.ConnectionClosed as error:
            emit(command["id"], "error", message=str(error))


asyncio.run(main())
