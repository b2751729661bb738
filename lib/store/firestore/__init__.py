"""The store on Firestore in native mode."""
