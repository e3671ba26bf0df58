"""The use zone for analysts: read-only snapshots of pseudonymised persons, one folder per purpose and month."""
