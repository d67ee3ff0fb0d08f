"""Clearance prices: which prices to lower today, and how far, so that what must go brings the most."""
