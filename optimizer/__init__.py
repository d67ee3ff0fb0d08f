"""What do we do today, at what cost, and why? Decisions, plans and their proof."""
