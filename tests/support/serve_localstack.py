"""LocalStack's S3 over real connections: a program that prints its port and serves until its input ends.

It is run by the Python of ``.cache/localstack``, which ``make test-servers`` sets up: what LocalStack needs
does not go together with what the other tests need.

Usage: .cache/localstack/bin/python serve_localstack.py
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import threading


def main() -> None:
    """Serve on a free port of this machine."""
    with tempfile.TemporaryDirectory(prefix="dcplan-localstack-") as folder:
        serve(folder)


def serve(folder: str) -> None:
    """Serve out of a folder until the input ends."""
    os.environ.update(
        SERVICES="s3",
        SKIP_SSL_CERT_DOWNLOAD="1",
        DISABLE_EVENTS="1",
        LOCALSTACK_VOLUME_DIR=folder,
        TMPDIR=folder,
    )
    from localstack.aws.components import AwsComponents  # noqa: PLC0415 - it reads the environment
    from rolo.gateway.wsgi import WsgiGateway  # noqa: PLC0415 - as above
    from werkzeug.serving import WSGIRequestHandler, make_server  # noqa: PLC0415 - as above

    class Handler(WSGIRequestHandler):
        """Keeps connections and keeps quiet."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log(self, *_args: object) -> None: ...

    logging.disable(logging.WARNING)
    app = WsgiGateway(AwsComponents().gateway)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)  # noqa: T201 - its way to tell who started it
    sys.stdin.read()


if __name__ == "__main__":
    main()
