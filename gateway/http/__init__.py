"""The HTTP door of the gateway: JSON, events, files and uploads, all through the gateway's own gRPC server."""
