"""Keeps every test on this machine: only loopback and Unix sockets may be connected to, in all threads. Called by conftest."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any

LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", ""})


class NetworkBlocked(RuntimeError):
    """A test tried to leave the machine. Not an OSError: code that survives a lost network must not swallow this."""


def is_local(host: object) -> bool:
    """Whether a host name or address stays on this machine."""
    if host is None or isinstance(host, str | bytes) and _text(host) in LOCAL_NAMES:
        return True
    try:
        address = ipaddress.ip_address(_text(host).partition("%")[0])
    except (TypeError, ValueError):
        return False
    return address.is_loopback or address.is_unspecified


def block() -> Callable[[], None]:
    """Refuse connections and look-ups beyond this machine from now on; returns what ends the block."""
    kept = {name: getattr(socket.socket, name) for name in ("connect", "connect_ex", "sendto")}
    look_up = socket.getaddrinfo

    def guarded(name: str) -> Callable[..., Any]:
        def call(self: socket.socket, *args: Any) -> Any:
            _check(self, args[-1])
            return kept[name](self, *args)

        return call

    def guarded_look_up(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_local(host):
            raise NetworkBlocked(f"a test looked up {host!r}: only this machine may be reached")
        return look_up(host, *args, **kwargs)

    for name in kept:
        setattr(socket.socket, name, guarded(name))
    socket.getaddrinfo = guarded_look_up

    def unblock() -> None:
        socket.getaddrinfo = look_up
        for name, original in kept.items():
            setattr(socket.socket, name, original)

    return unblock


def _check(sock: socket.socket, address: Any) -> None:
    if sock.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple) and not is_local(address[0]):
        raise NetworkBlocked(f"a test connected to {address[0]!r}: only this machine may be reached")


def _text(host: Any) -> str:
    return host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
