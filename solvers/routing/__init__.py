"""Vehicle routing: one problem in arrays, engines behind one call, a check and a bound that know no engine."""
