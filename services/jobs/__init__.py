"""The job manager: accepts jobs durably, runs their steps on healthy instances, commits each result once."""
