"""The edge: what happens once for every request, whatever its dialect and whichever shell carries it.

`http` routes, limits, authenticates, runs, logs and counts; `routes` says which dialect is mounted where, and `table`
matches; `shell` holds the parts of both shells; `own` is the shape of what belongs to no dialect; `openapi` describes
the surface.
"""
