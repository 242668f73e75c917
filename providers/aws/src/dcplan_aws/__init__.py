"""dcplan-aws: plan on AWS and act there, and keep state in S3.

Takes: settings, Placement, Request.         Gives: Machine, Offering, Resource, Ack, Found, Blobs.
Knows: dcplan's catalogue of EC2, botocore.  Never: botocore before something acts or looks.
"""

from dcplan_aws.provider import AwsProvider, provider

__all__ = ["AwsProvider", "provider"]
