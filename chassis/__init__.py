"""What every process needs and no service knows: server, clients, discovery, errors, telemetry, settings."""
