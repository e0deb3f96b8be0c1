"""Who may call which method of the analyzer."""

from chassis.identity import policy

RULES = policy.by_peer(
    "reelsmith.analyzer.v1.AnalyzerService",
    {
        "Probe": "jobs",
        "Fetch": "jobs",
        "Analyze": "jobs",
        "ProposeClips": "jobs",
        "GetCapabilities": "gateway jobs",
    },
)
