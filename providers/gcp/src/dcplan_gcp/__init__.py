"""dcplan-gcp: plan and apply on Google Cloud, and keep state in Cloud Storage.

Takes: settings, Placement, Request.     Gives: Machine, Offering, Resource, Found, Blobs.
Knows: dcplan's catalogue, google-auth.  Never: a call while planning.
"""

from dcplan_gcp.provider import GcpProvider, provider

__all__ = ["GcpProvider", "provider"]
