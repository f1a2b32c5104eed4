"""Copies a server's standard input and output byte for byte, and keeps a copy of each.

    tap.py RECORD COMMAND [ARG...]

What the client sends goes to RECORD.in, what the server answers to RECORD.out. With one tap on each side of the gate, what
the gate passes on can be compared with what it was given without trusting anybody's parser.
"""

import os
import subprocess
import sys
import threading


def copy(source: int, sink: int, record: str) -> None:
    with open(record, "wb", buffering=0) as kept:
        while chunk := os.read(source, 65536):
            kept.write(chunk)
            view = memoryview(chunk)
            try:
                while view:
                    view = view[os.write(sink, view) :]
            except BrokenPipeError:
                break
    os.close(sink)


def main() -> int:
    record, *command = sys.argv[1:]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    assert server.stdin and server.stdout
    # Its own descriptor, so that closing it here is what the server sees.
    inward = os.dup(server.stdin.fileno())
    server.stdin.close()
    threading.Thread(target=copy, args=(0, inward, record + ".in"), daemon=True).start()
    copy(server.stdout.fileno(), os.dup(1), record + ".out")
    return server.wait()


if __name__ == "__main__":
    # The thread that still waits for input must not hold up the end.
    status = main()
    sys.stdout.flush()
    os._exit(status & 0xFF)
