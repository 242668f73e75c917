"""Serve AWS on a free port of this machine, print the port, and end when the input ends.

With ``--variables`` it prints what to export instead, and serves until it is interrupted.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))  # for ``moto_served``

from moto_served import moto, serve, started

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

    from clouds.aws import (  # noqa: PLC0415 - as above
        autoscaling,
        buckets,
        file_systems,
        fleets,
        groups,
        kubernetes,
        launches,
        lifecycles,
        nat,
        quotas,
        reservations,
        tokens,
        ultraservers,
    )
    from clouds.aws.faults import Faults  # noqa: PLC0415 - as above
    from clouds.aws.pricing import Pricing, sold  # noqa: PLC0415 - as above

    for layer in (
        groups,
        fleets,
        quotas,
        reservations,
        ultraservers,
        launches,
        lifecycles,
        nat,
        tokens,
        buckets,
        file_systems,
        autoscaling,
        kubernetes,
    ):
        layer.install()
    by_hand = "--variables" in sys.argv
    everything = moto()
    app = Faults(Pricing(everything, sold()) if by_hand else everything, moto_api_backend.reset)
    if by_hand:
        named = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{started(app)}", **VARIABLES}
        print(*(f"export {name}={value}" for name, value in named.items()), sep="\n", flush=True)  # noqa: T201 - what it is for
        threading.Event().wait()
    serve(app)


if __name__ == "__main__":
    main()
