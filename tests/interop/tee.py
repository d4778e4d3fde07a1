"""Runs a server and records every line between it and its client, as `c>s LINE` or `s>c LINE`.

usage: tee.py TRANSCRIPT SERVER
"""

import os
import sys
import threading


def main() -> None:
    transcript, server = sys.argv[1:]
    server_stdin, to_server = os.pipe()
    from_server, server_stdout = os.pipe()
    # The parent becomes the server, so that the signals by which a client ends it reach it.
    if os.fork() == 0:
        os.close(server_stdin)
        os.close(server_stdout)
        relay_both_ways(transcript, to_server, from_server)
    else:
        os.close(to_server)
        os.close(from_server)
        os.dup2(server_stdin, sys.stdin.fileno())
        os.dup2(server_stdout, sys.stdout.fileno())
        os.execv(server, [server])


def relay_both_ways(transcript: str, to_server: int, from_server: int) -> None:
    # Unbuffered, so that each line is one write and the two directions never mix within a line.
    with open(transcript, "ab", buffering=0) as log:
        directions = [
            threading.Thread(target=relay, args=(b"c>s ", sys.stdin.fileno(), to_server, log)),
            threading.Thread(target=relay, args=(b"s>c ", from_server, sys.stdout.fileno(), log)),
        ]
        for direction in directions:
            direction.start()
        for direction in directions:
            direction.join()


def relay(label: bytes, source: int, sink: int, log) -> None:
    try:
        with open(source, "rb") as lines, open(sink, "wb") as out:
            for line in lines:
                # Recorded first: whoever has received a line finds it in the transcript.
                log.write(label + line)
                out.write(line)
                out.flush()
    except BrokenPipeError:
        pass  # The side that this direction leads to has left.


main()
