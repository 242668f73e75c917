"""AWS on this machine: moto, and a layer for what it lacks or gets wrong.

The layer replaces methods of moto's EC2 responses, so its version is pinned and each replaced name has a test
(``providers/aws/tests/test_server.py``).  What goes wrong is set by a control URL; see ``faults`` and
``weather``.
"""
