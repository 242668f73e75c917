"""dcplan-gcp: plan on Google Cloud, and keep state in Cloud Storage.

Takes: settings, Placement.              Gives: Machine, Offering, Resource, Blobs.
Knows: dcplan's catalogue, google-auth.  Never (in this release): a call to Compute Engine.
"""

from dcplan_gcp.provider import GcpProvider, provider

__all__ = ["GcpProvider", "provider"]
