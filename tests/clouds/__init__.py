"""Servers that stand in for clouds: for tests, and for everybody who wants to try dcplan without an account.

``python -m clouds.aws`` (from ``tests/``, or by ``make cloud``) serves until its input ends.
"""
