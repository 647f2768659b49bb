"""AION for clients of OpenAI's protocol: `/v1/chat/completions`, `/v1/models` and `/v1/embeddings`."""
