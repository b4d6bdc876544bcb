"""Addresses of the API: each route dresses one function of `api.desk`."""
