"""Google Cloud on this machine, judged by Google's own description of its APIs."""
