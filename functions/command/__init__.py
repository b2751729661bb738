"""The command line: one module a group of commands.

`admin` reads the words; `kcidb` and its siblings are `tributary kcidb …`.
"""
