"""The gateway: labels for an API whose code nobody has to touch."""
