"""The suite as tools for agents, over the Model Context Protocol."""
