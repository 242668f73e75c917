"""For forked commands that ask the AWS of ``tests/clouds``: imported once, it saves each of them that time.

That server shows what was made at once, so that nobody has to look for minutes for what is not there.
"""

from __future__ import annotations

import functools
from dataclasses import replace

from botocore import loaders, session

import dcplan_aws.acting  # noqa: F401 - so that no child imports it
from dcplan_aws import AwsProvider
from dcplan_aws.kinds import KINDS

session.create_loader = functools.cache(loaders.create_loader)
near = {name: replace(kind, consistency_window_s=0.5) for name, kind in KINDS.items()}
AwsProvider.cloud = replace(AwsProvider.cloud, kinds=near)

opened = session.Session()
for service in ("ec2", "ssm", "elbv2"):
    # Reads the description of the service; nothing is asked.
    opened.create_client(service, region_name="us-east-1")
