"""Wire models of the dashboard's REST API, which `kci-dev results` reads (kcidb.md 4.5)."""
