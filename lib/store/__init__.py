"""The store port, its declared indexes and its adapters."""
