"""The auth port and its adapters: crypto and claims only; records of users belong to `domain.access`."""
