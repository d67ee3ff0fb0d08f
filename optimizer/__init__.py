"""What do we do today, at what cost, and why? Decisions, plans and their proof."""

# The one place that names the version: a checkout and an installed wheel must write the same plan.
VERSION = "0.1.0"
