"""What goes wrong between a caller and AWS: a layer around the server, ordered by a control URL.

``POST /-/faults`` adds a rule, ``DELETE /-/faults`` forgets all, ``GET /-/calls`` shows what was asked.  A
rule names calls (``service``, ``action``, ``match``: text in the body), says which of them (``skip``,
``times``) and what becomes of them: an error (``code``, ``status``, ``message``), or a ``mode``: ``drop``
(the server never hears of it), ``after`` (it has acted, and the answer is lost), ``hold`` (it has acted, and
answers after ``delay_s``), ``alter`` (each ``old`` in its answer is a ``new``, as of another API version).
"""

from __future__ import annotations

import io
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from clouds.aws.weather import LOCK, MADE, WEATHER, forget

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


@dataclass(slots=True, kw_only=True)
class Rule:
    """One order; see the module."""

    service: str | None = None
    action: str | None = None
    match: str = ""
    skip: int = 0
    times: int = 1
    mode: str = "error"
    code: str = "InternalError"
    status: int = 500
    message: str = "ordered by a test"
    delay_s: float = 0.0
    old: str = ""
    new: str = ""

    def strikes(self, service: str, action: str, body: bytes) -> bool:
        """Whether this call is one of those; counts it."""
        if self.service not in {None, service} or self.action not in {None, action}:
            return False
        if self.match.encode() not in body or self.times <= 0:
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass(slots=True)
class Faults:
    """The server behind this layer, its rules, and what it was asked."""

    app: App
    reset: Callable[[], None]
    rules: list[Rule] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        """Serve one request."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if environ["PATH_INFO"].startswith("/-/"):
            return self._control(environ["REQUEST_METHOD"], environ["PATH_INFO"][3:], body, start)
        environ["wsgi.input"] = io.BytesIO(body)
        service, region, action = _asked(environ, body)
        with self.lock:
            self.calls.append({"service": service, "action": action, "region": region, "at_s": time.time()})
            rule = next((r for r in self.rules if r.strikes(service, action, body)), None)
        time.sleep(WEATHER.latency_s)
        if rule is None:
            return self._served(environ, start)
        if rule.mode == "error":
            return _error(rule, service, start)
        if rule.mode == "drop":
            return _lost(environ)
        answer: list[Any] = []
        content = self._served(environ, lambda *said: answer.extend(said))
        if rule.mode == "after":
            return _lost(environ)
        time.sleep(rule.delay_s)
        if rule.mode == "alter":
            content = [b"".join(content).replace(rule.old.encode(), rule.new.encode())]
            answer[1] = [(k, v) for k, v in answer[1] if k.lower() != "content-length"]
            answer[1].append(("Content-Length", str(len(content[0]))))
        start(*answer)
        return content

    def _served(self, environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        said: list[Any] = []
        with LOCK:
            content = list(self.app(environ, lambda *answer: said.extend(answer)))
        if said[0].startswith("400") and b"<Code>InsufficientInstanceCapacity<" in b"".join(content):
            said[0] = "500 Internal Server Error"  # EC2 tells it as an error of the server.
        start(*said)
        return content

    def _control(self, verb: str, name: str, body: bytes, start: Callable[..., Any]) -> list[bytes]:
        asked = json.loads(body) if body else {}
        with LOCK, self.lock:
            match (verb, name):
                case ("POST", "faults"):
                    self.rules.append(Rule(**asked))
                case ("DELETE", "faults"):
                    self.rules.clear()
                case ("POST", "weather"):
                    WEATHER.set(asked)
                case ("POST", "reset"):
                    self.rules.clear()
                    self.calls.clear()
                    forget()
                    self.reset()
                case _:
                    pass
            shown = {"calls": self.calls, "made": dict(MADE)}
            text = json.dumps(shown if verb == "GET" else {}).encode()
        start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(text)))])
        return [text]


def _asked(environ: dict[str, Any], body: bytes) -> tuple[str, str, str]:
    """Service, region and action of a request, as it signs itself."""
    signed = environ.get("HTTP_AUTHORIZATION", "").split("/")
    service, region = (signed[3], signed[2]) if len(signed) > 3 else ("", "")
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return service, region, target.rpartition(".")[2]
    if service == "s3":
        from clouds.aws.buckets import named as operation  # noqa: PLC0415 - moto is slow, and there by now

        return service, region, operation(environ)
    named = parse_qs(body.decode(errors="replace")).get("Action") if b"Action=" in body else None
    return service, region, named[0] if named else _rest(service, environ)


_CLUSTER, _NODES = r"/clusters/[^/]+", r"/clusters/[^/]+/node-groups"
_REST = {
    "eks": (
        ("POST", "/clusters", "CreateCluster"),
        ("GET", _CLUSTER, "DescribeCluster"),
        ("POST", _NODES, "CreateNodegroup"),
        ("GET", f"{_NODES}/[^/]+", "DescribeNodegroup"),
        ("DELETE", f"{_NODES}/[^/]+", "DeleteNodegroup"),
        ("POST", f"{_NODES}/[^/]+/update-config", "UpdateNodegroupConfig"),
        ("POST", "/tags/.+", "TagResource"),
        ("DELETE", "/tags/.+", "UntagResource"),
    )
}
"""Services whose calls are a verb and a path: what these are called."""


def _rest(service: str, environ: dict[str, Any]) -> str:
    verb, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    named = (name for v, p, name in _REST.get(service, ()) if v == verb and re.fullmatch(p, path))
    return next(named, f"{verb} {path}")


def _lost(environ: dict[str, Any]) -> list[bytes]:
    """End the connection without an answer."""
    environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    return [b""]


def _error(rule: Rule, service: str, start: Callable[..., Any]) -> list[bytes]:
    """An error in the words of the service."""
    inner = f"<Code>{rule.code}</Code><Message>{rule.message}</Message>"
    kind = "text/xml"
    if service == "ec2":
        text = f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>test</RequestID></Response>"
    elif service in {"ssm", "eks", "fsx", "kms", "service-quotas"}:
        text, kind = json.dumps({"__type": rule.code, "message": rule.message}), "application/x-amz-json-1.1"
    elif service == "s3":
        text = f"<Error>{inner}</Error>"
    else:
        text = f"<ErrorResponse><Error><Type>Sender</Type>{inner}</Error></ErrorResponse>"
    content = text.encode()
    headers = [("Content-Type", kind), ("Content-Length", str(len(content))), ("x-amzn-errortype", rule.code)]
    start(f"{rule.status} Ordered", headers)
    return [content]
