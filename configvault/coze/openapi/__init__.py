"""OpenAPI 3.0 documents as the service's library (kin-openapi 0.118.0) takes them."""
