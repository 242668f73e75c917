"""Disk: folders for their owner alone, and SQLite files that this process may only read.

Takes: paths.                            Gives: folders; a database in memory.
Knows: file modes, SQLite's side files.  Never: what stands in a file.
"""
