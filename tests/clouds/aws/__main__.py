"""Serve AWS on a free port of this machine, print the port, and end when the input ends.

With ``--variables`` it prints what to export instead, and serves until it is interrupted.
"""

from __future__ import annotations

import os
import sys
import threading

VARIABLES = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "only-for-tests",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_DEFAULT_REGION": "us-east-1",
}
"""What a client of this server needs besides its address."""


def main() -> None:
    """Put the layers together and serve."""
    os.environ["MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION"] = "true"
    from moto.moto_api._internal.models import (  # noqa: PLC0415 - it takes seconds, and reads the environment
        moto_api_backend,
    )
    from moto.moto_server.werkzeug_app import (  # noqa: PLC0415 - as above
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server  # noqa: PLC0415 - as above

    from clouds.aws import groups, launches, lifecycles, quotas, reservations, tokens  # noqa: PLC0415 - as above
    from clouds.aws.faults import Faults  # noqa: PLC0415 - as above
    from clouds.aws.pricing import Pricing, sold  # noqa: PLC0415 - as above

    class Handler(MotoRequestHandler):
        """Keeps connections and keeps quiet."""

        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log(self, *_args: object) -> None: ...

    for layer in (groups, quotas, reservations, launches, lifecycles, tokens):
        layer.install()
    by_hand = "--variables" in sys.argv
    everything = DomainDispatcherApplication(create_backend_app)
    app = Faults(Pricing(everything, sold()) if by_hand else everything, moto_api_backend.reset)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    if by_hand:
        named = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}", **VARIABLES}
        print(*(f"export {name}={value}" for name, value in named.items()), sep="\n", flush=True)  # noqa: T201 - what it is for
        threading.Event().wait()
    print(server.server_port, flush=True)  # noqa: T201 - its way to tell who started it
    sys.stdin.read()


if __name__ == "__main__":
    main()
