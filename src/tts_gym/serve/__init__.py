"""The gateway: controllers behind an OpenAI-compatible server (extra ``serve``)."""
