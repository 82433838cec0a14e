"""TLS in front of a gateway that speaks none: Python's, each line passed on as it is."""

import asyncio
import contextlib
import ssl
import threading

from waiting import TIMEOUT


class TlsFront:
    """On a port of 127.0.0.1, with the certificate of a pair, to a port of 127.0.0.1."""

    def __init__(self, port, pair):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pair.cert, pair.key)
        self.context.sni_callback = self._note_name
        self.names = []  # that were asked for, one a line; None: nobody
        self._target = port
        self._lines = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._pass, "127.0.0.1", 0, ssl=self.context))
        self.port = self._server.sockets[0].getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT)
        self._loop.close()

    def _do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(TIMEOUT)

    def _note_name(self, _line, name, _context):
        self.names.append(name)

    async def _close(self):
        self._server.close()
        for writer in list(self._lines):
            writer.transport.abort()

    async def _copy(self, reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()

    async def _pass(self, near_reader, near_writer):
        self._lines.add(near_writer)
        far_writer = None
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
            forth = asyncio.ensure_future(self._copy(near_reader, far_writer))
            await self._copy(far_reader, near_writer)
            near_writer.close()  # with a close_notify
            await forth
        except OSError:  # nobody is there, for now
            near_writer.transport.abort()
        finally:
            self._lines.discard(near_writer)
            if far_writer:
                far_writer.close()
