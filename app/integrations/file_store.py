"""Files on this machine's disk, under random names in FILES_DIR and outside of what is served. Called by ``product_files``.

A file that no row names yet is called ``….new``, one that is about to go ``….gone``; both can be read until the row says which.
So a crash at any moment leaves nothing that ``stale`` does not list, and nothing that a row names is ever deleted.
"""

from __future__ import annotations

import codecs
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import filetype  # type: ignore[import-untyped]

from ..config import current_settings
from ..rules.products import FileTooLarge

CHUNK = 256 * 1024
HEAD = 8192
"""How much of a file says what it is."""
NEW, GONE = ".new", ".gone"


@dataclass(frozen=True, slots=True)
class Saved:
    """A file that was written and that no row names yet. ``signature``: the type that its first bytes say, if any."""

    name: str
    size: int
    signature: str | None
    is_text: bool


def save(stream: IO[bytes], most_megabytes: int) -> Saved:
    """Write a file, down to the disk. Raises FileTooLarge, having kept nothing, or OSError."""
    name, size, head = secrets.token_hex(16), 0, b""
    decoder, is_text = codecs.getincrementaldecoder("utf-8")(), True
    path = _folder() / f"{name}{NEW}"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with path.open("xb") as file:
            while chunk := stream.read(CHUNK):
                size += len(chunk)
                if size > most_megabytes * 1024 * 1024:
                    raise FileTooLarge(megabytes=most_megabytes)
                head = head or chunk[:HEAD]
                is_text = is_text and _is_text(decoder, chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Saved(name, size, filetype.guess_mime(head), is_text)


def keep(name: str) -> None:
    """A row names it: it has its name for good."""
    path = _folder() / name
    for suffix in (NEW, GONE):
        if (there := path.with_name(name + suffix)).exists():
            there.rename(path)


def let_go(name: str) -> None:
    """Its row is about to go. It can still be read by whoever has begun to."""
    path = _folder() / name
    if path.exists():
        gone = path.rename(path.with_name(name + GONE))
        os.utime(gone)


def discard(name: str) -> None:
    """No row names it, or ever will."""
    for suffix in (NEW, GONE):
        (_folder() / f"{name}{suffix}").unlink(missing_ok=True)


def path_of(name: str) -> Path | None:
    """Where its bytes are; None when they are not, or the disk is away."""
    try:
        return next((path for suffix in ("", NEW, GONE) if (path := _folder() / f"{name}{suffix}").is_file()), None)
    except OSError:
        return None


def stale(seconds: int) -> Iterator[str]:
    """The names of files that have been new, or about to go, for so long: what did that has crashed, or is done."""
    for path in _folder().iterdir() if _folder().is_dir() else ():
        if path.suffix in (NEW, GONE) and time.time() - path.stat().st_mtime > seconds:
            yield path.stem


def _folder() -> Path:
    return Path(current_settings().files_dir)


def _is_text(decoder: codecs.IncrementalDecoder, chunk: bytes) -> bool:
    try:
        return "\0" not in decoder.decode(chunk)
    except UnicodeDecodeError:
        return False
