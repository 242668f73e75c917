"""Which calls buckets and file systems take, and which permissions each call needs; see ``permissions``.

Sources: (sar) Service Authorization Reference, Amazon S3 and Amazon FSx; (s3) Amazon S3 API Reference, the
actions' "Permissions"; (fsx) Amazon FSx API Reference, and FSx for Lustre User Guide, "Using service-linked
roles for Amazon FSx".
"""

from __future__ import annotations

from collections.abc import Mapping

from dcplan.provider.storage import BUCKET, FILE_SYSTEM, WITH_DATA
from dcplan.resources import Action
from dcplan_aws.needs import ADOPTED, HELD, LOOK, Need, When

CALLS: tuple[tuple[str, str, str], ...] = (
    # Where the owner has no bucket, its list is empty, and none of them is looked at.
    (BUCKET, LOOK, "s3:ListBuckets"),
    (f"{BUCKET}/{HELD}", LOOK, "s3:GetBucketTagging s3:GetPublicAccessBlock"),
    (BUCKET, Action.CREATE, "s3:CreateBucket s3:PutPublicAccessBlock"),
    (BUCKET, Action.UPDATE, "s3:PutBucketTagging s3:PutPublicAccessBlock"),
    (BUCKET, Action.DELETE, "s3:DeleteBucket"),
    (f"{BUCKET}/{WITH_DATA}", Action.DELETE, "s3:ListObjectVersions s3:DeleteObjects"),
    (FILE_SYSTEM, LOOK, "fsx:DescribeFileSystems"),
    (FILE_SYSTEM, Action.CREATE, "fsx:CreateFileSystem"),
    (f"{FILE_SYSTEM}/{ADOPTED}", Action.CREATE, "ec2:DescribeSubnets"),
    (FILE_SYSTEM, Action.UPDATE, "fsx:UpdateFileSystem fsx:TagResource"),
    (FILE_SYSTEM, Action.DELETE, "fsx:DeleteFileSystem"),
)

OURS = "s3:BUCKETS"
"""Buckets of the owner, whose names begin with its mark; S3's tags bind no permission by themselves."""
_FILES, _BACKUPS = "fsx:file-system/*", "fsx:backup/*"

NEEDS: Mapping[str, tuple[Need, ...]] = {
    "s3:ListBuckets": (Need("s3:ListAllMyBuckets", "*"),),
    "s3:GetBucketTagging": (Need("s3:GetBucketTagging", OURS),),
    "s3:GetPublicAccessBlock": (Need("s3:GetBucketPublicAccessBlock", OURS),),
    "s3:CreateBucket": (Need("s3:CreateBucket", OURS), Need("s3:TagResource", OURS)),
    "s3:PutPublicAccessBlock": (Need("s3:PutBucketPublicAccessBlock", OURS),),
    "s3:PutBucketTagging": (Need("s3:PutBucketTagging", OURS),),
    "s3:DeleteBucket": (Need("s3:DeleteBucket", OURS),),
    "s3:ListObjectVersions": (Need("s3:ListBucketVersions", OURS),),
    "s3:DeleteObjects": (
        Need("s3:DeleteObject", f"{OURS}/*"),
        Need("s3:DeleteObjectVersion", f"{OURS}/*"),
    ),
    "fsx:DescribeFileSystems": (Need("fsx:DescribeFileSystems", "*"),),
    "fsx:CreateFileSystem": (
        Need("fsx:CreateFileSystem", _FILES, When.NEW),
        Need("fsx:TagResource", _FILES, When.NEW),
        Need("iam:CreateServiceLinkedRole", "iam:fsx.amazonaws.com/AWSServiceRoleForAmazonFSx"),
    ),
    "fsx:UpdateFileSystem": (Need("fsx:UpdateFileSystem", _FILES, When.OURS),),
    "fsx:TagResource": (Need("fsx:TagResource", _FILES, When.OURS),),
    # The last backup is made by this call, with tags (fsx).
    "fsx:DeleteFileSystem": (
        Need("fsx:DeleteFileSystem", _FILES, When.OURS),
        Need("fsx:CreateBackup", _FILES, When.OURS),
        Need("fsx:CreateBackup", _BACKUPS, When.NEW),
        Need("fsx:TagResource", _BACKUPS, When.NEW),
    ),
}

WITHOUT_A_CALL: Mapping[str, str] = {
    "s3:TagResource": "CreateBucket is checked for it when it puts tags on (s3)",
    "s3:DeleteObjectVersion": "DeleteObjects is, for versions (s3)",
    "fsx:CreateBackup": "DeleteFileSystem is, when it makes a last backup (fsx)",
}
