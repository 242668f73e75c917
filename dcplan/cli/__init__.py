"""CLI: the workflow as commands.

Takes: arguments.        Gives: text or JSON, and an exit code.
Knows: click, rich.       Never: a decision.

Nothing heavy is imported here: each command imports its own code when it runs,
and a test holds ``--help`` to it.
"""
