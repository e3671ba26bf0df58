"""The person index: which records of which sources are one person, why, and how sure (docs/people.md)."""
