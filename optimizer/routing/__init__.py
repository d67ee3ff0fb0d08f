"""Routes of the day: stops from the tables or a benchmark file, the plan, its files and its price."""
