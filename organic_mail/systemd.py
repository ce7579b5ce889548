"""What systemd gives to a service and wants to hear from it: sockets and READY=1 (sd_listen_fds(3), sd_notify(3))."""

from __future__ import annotations

import os
import socket

_FIRST_SOCKET = 3


def activated_sockets() -> tuple[socket.socket, ...]:
    """The sockets that were opened for us, so that port 25 needs no right of ours. They are given once."""
    if os.environ.pop("LISTEN_PID", "") != str(os.getpid()):
        return ()
    count = int(os.environ.pop("LISTEN_FDS", "0"))
    sockets = tuple(socket.socket(fileno=number) for number in range(_FIRST_SOCKET, _FIRST_SOCKET + count))
    for opened in sockets:
        opened.set_inheritable(False)
        opened.setblocking(False)
    return sockets


def notify(state: str) -> None:
    """Tells systemd READY=1 or STOPPING=1, where it asked to be told."""
    place = os.environ.get("NOTIFY_SOCKET", "")
    if not place:
        return
    address = "\0" + place[1:] if place.startswith("@") else place
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as datagram:
        datagram.sendto(state.encode("ascii"), address)
