"""Draws a web address as a QR code that a phone's own camera opens: as SVG for a page, as PNG for a mail.

Called by the outbox and by the order page. The same address gives the same picture.
"""

from __future__ import annotations

import base64
import io
from functools import lru_cache

import segno

QUIET = 4
"""Empty modules around the code, as the standard asks; scanners need them on a dark page too."""


MASK = 2
"""Which of the standard's eight patterns lies over the data. A reader is told in the code itself; it only keeps dark and light in
balance, which an address with a random token is under any of them. Trying all eight took half of an order page's time."""


@lru_cache(512)
def svg(address: str, title: str) -> str:
    """An `<svg>` element without any style of its own, dark on white in every colour scheme; ``title`` is what it is called."""
    return str(_code(address).svg_inline(border=QUIET, omitsize=True, light="#fff", svgclass="qr", lineclass=None, title=title))


def png(address: str) -> str:
    """The picture in base64, as mail carries it."""
    picture = io.BytesIO()
    _code(address).save(picture, kind="png", scale=5, border=QUIET)
    return base64.b64encode(picture.getvalue()).decode("ascii")


def _code(address: str) -> segno.QRCode:
    return segno.make_qr(address, error="m", mask=MASK)
