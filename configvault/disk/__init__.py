"""The only home of sync, rename, lock files and raw system calls. It knows nothing of roots and vaults."""
