"""dcplan-aws: plan on AWS, and keep state in S3.

Takes: settings, Placement.                  Gives: Machine, Offering, Resource, Blobs.
Knows: dcplan's catalogue of EC2, botocore.  Never (in this release): a call to EC2.
"""

from dcplan_aws.provider import AwsProvider, provider

__all__ = ["AwsProvider", "provider"]
