"""The wire languages. Dialects never import each other: what two share lives in the domain."""
