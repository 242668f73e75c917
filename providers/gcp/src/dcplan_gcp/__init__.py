"""dcplan-gcp: plan on Google Cloud.

Takes: settings, Placement.        Gives: Machine, Offering, Resource.
Knows: dcplan's catalogue of Google Cloud.  Never (in this release): a call to it.
"""

from dcplan_gcp.provider import GcpProvider, provider

__all__ = ["GcpProvider", "provider"]
