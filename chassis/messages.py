"""How large one message between our processes may be: the same for who sends and who receives."""

BYTES_MAX = 64 << 20  # an analysis of a long film is tens of megabytes; gRPC's default of 4 MiB refuses it
OPTIONS = (
    ("grpc.max_receive_message_length", BYTES_MAX),
    ("grpc.max_send_message_length", BYTES_MAX),
)
