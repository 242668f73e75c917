"""Passwords that stand where they should not: found in addresses, and taken out of what is shown.

An address is refused for the password that it holds, so the line that is to be mended is not shown whole.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

NOT_SHOWN = "***"

_PARAMETERS = ("password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key")
"""Parameters of libpq that are secrets (PostgreSQL documentation, "Parameter Key Words")."""

_USER_INFO = re.compile(r"(?P<kept>://[^\s:@/?#\"']*:)(?!\$\{)[^\s@/\"']+(?=@)")
# A password that was pasted as it is may hold what ends this part of an address, a slash say; a port may not.
_POSTGRES = re.compile(r"(?P<kept>postgres(?:ql)?://[^\s:@/?#\"']*:)(?!\$\{|\d*[/?,])[^\s\"']+(?=@)")
_TEXT = r"(?:'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|[^\s&\"',}]+)"
_PARAMETER = re.compile(rf"(?P<kept>(?<![\w-])(?:{'|'.join(_PARAMETERS)})\s*=\s*)(?!\$\{{){_TEXT}")
_KEY = re.compile(
    r"(?P<kept>(?<![a-z0-9])(?:[a-z0-9]+[_-])*(?:password|passwd|passphrase|secret|secret[_-]key|access[_-]key"
    r"|access[_-]key[_-]id|api[_-]key|session[_-]token|auth[_-]token|credentials)[\"']?\s*[:=]\s*)"
    rf"(?![\"']?\$\{{|[{{\[]){_TEXT}",
    re.IGNORECASE,
)


def holds_password(address: str) -> bool:
    """Whether an address, as a URL or in libpq's words, says more than who and where."""
    plain = unquote(address)
    return any(
        pattern.search(text) for pattern in (_USER_INFO, _POSTGRES, _PARAMETER) for text in (address, plain)
    )


def without_passwords(text: str) -> str:
    """The text with ``***`` in place of each password in an address."""
    if "://" not in text and "=" not in text:
        return text
    for pattern in (_POSTGRES, _USER_INFO, _PARAMETER):
        text = pattern.sub(_masked, text)
    return text


def without_secrets(line: str) -> str:
    """A line of a document without passwords in addresses and values of keys that are named like secrets."""
    return _KEY.sub(_masked, without_passwords(line))


def _masked(found: re.Match[str]) -> str:
    return f"{found['kept']}{NOT_SHOWN}"
