"""Sharing with others: the catalogue, agreements, requests with their clock, deliveries and corrections, consumers."""
