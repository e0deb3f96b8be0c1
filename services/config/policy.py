"""Who may call which method of the configuration service."""

from chassis.identity import policy

READERS = "analyzer exporter gateway jobs"
PEOPLE = ""  # changes and the record are for a person with the certificate `admin`

RULES = policy.by_peer(
    "reelsmith.config.v1.ConfigService",
    {
        "GetConfig": READERS,
        "WatchConfig": READERS,
        "GetSchema": READERS,
        "ListVersions": PEOPLE,
        "GetVersion": "jobs",
        "UpdateConfig": PEOPLE,
        "RollbackConfig": PEOPLE,
        "ProposeConfig": PEOPLE,
        "GetProposal": PEOPLE,
        "ListProposals": PEOPLE,
        "ApproveProposal": PEOPLE,
        "RejectProposal": PEOPLE,
        "ListSources": PEOPLE,
        "SetSecret": PEOPLE,
        "AccessSecret": "exporter",  # which signs with one; nobody else has a use for any
        "ListSecrets": PEOPLE,
        "DeleteSecret": PEOPLE,
        "RotateKeys": PEOPLE,
        "ListAuditEvents": PEOPLE,
        "VerifyAudit": PEOPLE,
    },
)
