"""CRC-32C, which Google's services check what they are sent by (RFC 3720, section 12.1)."""

from __future__ import annotations

_POLYNOMIAL = 0x82F63B78


def crc32c(content: bytes) -> int:
    """The checksum of a few bytes; byte by byte, so not for long contents."""
    value = 0xFFFFFFFF
    for byte in content:
        value ^= byte
        for _bit in range(8):
            value = (value >> 1) ^ (_POLYNOMIAL if value & 1 else 0)
    return value ^ 0xFFFFFFFF
