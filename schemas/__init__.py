"""What each wire looks like: pydantic models, field tables, JSON Schemas. A leaf: it imports nothing of ours."""
