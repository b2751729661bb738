"""The command line: one module a group of commands.

`main` runs one command, `parser` reads the words; `admin` and `kcidb` are their tables, `command` a line of them.
The other modules do what the lines say; `launcher` puts the command on the path.
"""
