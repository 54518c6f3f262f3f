"""What all customers together say: coverage, co-purchase, intervals, baskets, quantiles."""
