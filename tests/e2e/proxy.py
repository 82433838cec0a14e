"""A TCP proxy in front of a gateway that can cut lines, let them hang, or slow them down."""

import contextlib
import socket
import struct
import threading
import time

from waiting import TIMEOUT


class Proxy:
    """Each connection has a thread for each direction."""

    def __init__(self, port):
        self.port = port  # of the gateway
        self._rate = None  # bytes a second
        self.lines = []
        self._may_pass = threading.Event()
        self._may_pass.set()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"ws://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._may_pass.set()
        self.reset()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                try:
                    far = socket.create_connection(("127.0.0.1", self.port), TIMEOUT)
                except OSError:  # nobody is there, for now
                    near.close()
                    continue
                far.settimeout(None)
                with self._lock:
                    self.lines.append((near, far))
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=(source, target), daemon=True).start()

    def _pass(self, source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(self._piece):
                self._may_pass.wait()
                target.sendall(data)
                if self._rate:
                    time.sleep(len(data) / self._rate)
            with self._lock:  # not while it is being cut: a RST is not to become an end of file
                target.shutdown(socket.SHUT_WR)

    def reset(self):
        """Cuts all lines: both ends get a RST."""
        with self._lock:
            lines, self.lines = self.lines, []
            for sock in (end for line in lines for end in line):
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    sock.shutdown(socket.SHUT_RD)  # wakes its thread
                sock.close()

    @property
    def _piece(self):
        """Bytes that are taken at once: of a slow line some 20 ms."""
        return max(1, self._rate // 50) if self._rate else 1 << 16

    def slow_down(self, rate):
        """From now on so many bytes a second get through each line, each way."""
        self._rate = rate

    def hang(self):
        """From now on nothing gets through, and nobody is told."""
        self._may_pass.clear()

    def pass_on(self):
        """Lets new lines live, as fast as they like."""
        self._rate = None
        self._may_pass.set()
