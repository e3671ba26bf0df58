"""The page in every release."""
