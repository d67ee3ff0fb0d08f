"""What to order today: every quantity priced on the demand paths against later orders that react to them."""
