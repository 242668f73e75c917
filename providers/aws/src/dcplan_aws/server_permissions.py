"""What a state in S3 and keys of AWS KMS need, as statements of a policy.

Sources: docs/state_servers.md and docs/encryption.md say why; Service Authorization Reference, "Actions,
resources, and condition keys for" Amazon S3 and AWS Key Management Service, say how.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.plan.key_services import CONTEXT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from dcplan.provider.permissions import KeyUse
    from dcplan.resources import JsonValue

_CONTEXT: Mapping[str, JsonValue] = {f"kms:EncryptionContext:{key}": value for key, value in CONTEXT.items()}


def of_state(settings: Mapping[str, str] | None) -> Iterator[dict[str, JsonValue]]:
    """Objects of the prefix, and the list of the bucket."""
    if settings is None:
        return
    bucket = f"arn:aws:s3:::{settings.get('bucket') or 'BUCKET'}"
    prefix = (settings.get("prefix") or "").strip("/")
    yield {
        "Effect": "Allow",
        "Action": ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
        "Resource": f"{bucket}/{prefix}/*" if prefix else f"{bucket}/*",
    }
    # Without a condition on the prefix, which would let S3 answer 403 for what is not there.
    yield {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": bucket}


def of_keys(keys: Iterable[KeyUse], partition: str) -> Iterator[dict[str, JsonValue]]:
    """Each key, bound to dcplan's files; where an alias names it, by that alias."""
    for key in keys:
        named, region = str(key.settings["key_id"]), str(key.settings.get("region") or "*")
        conditions: dict[str, JsonValue] = {"StringEquals": dict(_CONTEXT)}
        alias = named.rpartition(":")[2]
        if alias.startswith("alias/"):
            # A policy takes keys, and an alias is none.
            region = named.split(":")[3] if named.startswith("arn:") else region
            conditions["ForAnyValue:StringEquals"] = {"kms:ResourceAliases": alias}
            resource = f"arn:{partition}:kms:{region}:*:key/*"
        else:
            resource = named if named.startswith("arn:") else f"arn:{partition}:kms:{region}:*:key/{named}"
        actions: list[JsonValue] = ["kms:Decrypt", "kms:GenerateDataKey"]
        yield {
            "Effect": "Allow",
            "Action": actions if key.wraps else "kms:Decrypt",
            "Resource": resource,
            "Condition": conditions,
        }
