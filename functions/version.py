"""The version of the product; a test compares it with pyproject.toml and the changelog."""

VERSION = "0.2.0"
