"""Labels for LLM output."""
