"""The store on SQLite: one file on one machine."""
