"""Which world do we plan in? Tables, calendars, tariffs, and what happened."""
