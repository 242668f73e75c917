"""Fixtures of tests on a project of Google Cloud."""

from gcp_project import gcp_forks, gcp_planned, gcp_server, on_gcp

__all__ = ["gcp_forks", "gcp_planned", "gcp_server", "on_gcp"]
