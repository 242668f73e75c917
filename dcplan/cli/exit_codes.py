"""What a command's end means to the shell."""

OK = 0
ERROR = 1
CHANGES = 2
"""With ``-detailed-exitcode``: there is something to apply."""
INTERRUPTED = 130
TERMINATED = 143
