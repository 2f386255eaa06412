"""The bare git repository that holds every snapshot, and the state beside it. It never touches the root."""
