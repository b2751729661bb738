"""The shapes of each wire: pydantic models, field tables, JSON Schemas. This package imports no other package of the
hub."""
