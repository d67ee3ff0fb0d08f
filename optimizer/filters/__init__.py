"""What may be believed, and what belongs together: screened orders, clean history, groups."""
