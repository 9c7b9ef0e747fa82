"""Answers that are small on the wire and huge when they are unpacked."""

from __future__ import annotations

import zlib
from dataclasses import replace
from functools import cache

from panvox.simulator.exchange import Page, Speech
from panvox.simulator.spelling import Voice

_MIB = 2**20
_MARK = "MARK"


def bomb(speech: Speech, voice: Voice, size: int) -> Page:
    """The beginning of the usual answer and then `size` bytes of text, packed a thousandfold; no end."""
    usual = voice.render(replace(speech, pieces=(_MARK,)))
    beginning = b"".join(usual.pieces).partition(_MARK.encode())[0]
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    head = packer.compress(beginning) + packer.flush(zlib.Z_FULL_FLUSH)
    body = head + _block() * (size // _MIB)
    return Page(status=200, content_type=usual.content_type, body=body, headers={"content-encoding": "gzip"})


@cache
def _block() -> bytes:
    """A mebibyte of text, packed. A fully flushed block stands for itself, wherever it comes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(b"a" * _MIB) + packer.flush(zlib.Z_FULL_FLUSH)
