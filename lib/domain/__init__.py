"""The pure rules and the verbs: no wire words, no cloud, no environment."""
