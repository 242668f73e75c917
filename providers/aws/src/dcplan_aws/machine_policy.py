"""What machines themselves need: the policy of the role in their instance profile.  Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dcplan.provider.permissions import Allowance
from dcplan.provider.storage import BUCKET, stored_of
from dcplan_aws.buckets import name_begins

if TYPE_CHECKING:
    from dcplan.provider.permissions import Use
    from dcplan.resources import JsonValue

ON_BUCKET: tuple[JsonValue, ...] = ("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads")
ON_OBJECTS: tuple[JsonValue, ...] = (
    *("s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListMultipartUploadParts"),
    "s3:PutObject",
)
"""To read data and write checkpoints (Amazon S3 API Reference, the actions' "Permissions")."""


def of_machines(use: Use, partition: str) -> Allowance | None:
    """To read and write the buckets of workloads, and to read what shall run; None without buckets."""
    buckets = sorted(set(_buckets(use)))
    if not buckets:
        return None
    arns: list[JsonValue] = [f"arn:{partition}:s3:::{name}" for name in buckets]
    objects: list[JsonValue] = [f"{arn}/*" for arn in arns]
    statements: list[JsonValue] = [
        {"Effect": "Allow", "Action": [*ON_BUCKET], "Resource": arns},
        {"Effect": "Allow", "Action": [*ON_OBJECTS], "Resource": objects},
        {
            "Effect": "Allow",
            "Action": "ssm:GetParameter",
            "Resource": f"arn:{partition}:ssm:*:*:parameter/dcplan/{use.lineage or '*'}/*",
        },
    ]
    content: dict[str, JsonValue] = {"Version": "2012-10-17", "Statement": statements}
    step = (
        f"aws iam put-role-policy --role-name ROLE --policy-name dcplan-{use.project or 'NAME'}-machines "
        "--policy-document file://FILE"
    )
    note = (
        "This is for the role in `instance_profile`, which machines have, and not for whoever runs dcplan. A "
        "file system is mounted over the network and needs no permission."
    )
    text = json.dumps(content, indent=2)
    return Allowance(name="aws-machines", text=text, content=content, steps=(step,), notes=(note,))


def _buckets(use: Use) -> Iterator[str]:
    """The names of what workloads of the plan are told of; the ends of names that are made are not known."""
    for one in (*use.held, *(deed.resource for deed in use.deeds)):
        for stored in stored_of(one.attributes):
            if stored.get("kind") == BUCKET and isinstance(adopted := stored.get("adopted"), str):
                yield adopted
            elif stored.get("kind") == BUCKET:
                begins = name_begins(use.lineage, str(stored["name"])) if use.lineage else "dcplan-"
                yield f"{begins}*"
