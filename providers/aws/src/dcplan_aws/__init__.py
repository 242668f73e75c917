"""dcplan-aws: plan on AWS.

Takes: settings, Placement.        Gives: Machine, Offering, Resource.
Knows: dcplan's catalogue of EC2.  Never (in this release): a call to AWS.
"""

from dcplan_aws.provider import AwsProvider, provider

__all__ = ["AwsProvider", "provider"]
