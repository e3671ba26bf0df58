"""WHAT is made, by stage of the lifecycle. Thin: read, call, emit metadata."""
