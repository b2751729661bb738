"""The documented behaviour of Firestore, to which the stand-in is held through the official client."""
