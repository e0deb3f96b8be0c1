"""Finished clips go to where they are shown: folders, buckets, webhooks, and platforms by plug-ins."""
