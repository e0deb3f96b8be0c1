"""Clips worth making, from an analysis alone: candidates, their scores, and the best set of them."""
