"""Steps as gRPC calls to the services that run them."""
