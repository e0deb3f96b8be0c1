"""What workers can be asked for, by name: the service itself loads nothing of what measures."""

PROBE = "services.analyzer.probe:run"
MEASURE = "services.analyzer.measure:run"
PRELOAD = ("services.analyzer.warm:everything",)

CARD_PROBE = "services.analyzer.backend:probe"
CARD_PRELOAD = (*PRELOAD, "services.analyzer.kernels.cuda.device")
CARD_OPENING = "services.analyzer.backend:open_card"
