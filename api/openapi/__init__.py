"""The description of the API in OpenAPI 3.1, generated from the same tables as the routes."""
