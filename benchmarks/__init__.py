"""Measurements, side by side with rivals in one run; they print a table and gate nothing."""
