"""What groups will take: forecasts from opened totals, calendar and weather, and how good they are."""
